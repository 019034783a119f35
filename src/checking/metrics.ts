import type { MetricsCheck } from '../workspace/index.ts';
import type { Verdict } from './verdict.ts';

/**
 * Hold measured values against thresholds. The report: an object by name (`{"AM1": 5.7}`, also nested, `a.b`), or
 * `measurements: [{metric, value}]` as lsst.verify writes it for validate_drp. What is missing, no finite number, or
 * there twice with different values has failed.
 */
export function judgeMetrics(report: unknown, metrics: MetricsCheck['metrics']): Verdict {
  const verdict: Verdict = { passed: [], warned: [], failed: [] };
  for (const [name, { min, max }] of Object.entries(metrics)) {
    const asked = [name, ...(min === undefined ? [] : [`>= ${min}`]), ...(max === undefined ? [] : [`<= ${max}`])].join(
      ' ',
    );
    const values = valuesOf(report, name);
    const [value] = values;
    if (values.length === 0) verdict.failed.push(`${asked}: not measured`);
    else if (values.some((each) => each !== value))
      verdict.failed.push(`${asked}: measured more than once, with different values`);
    else if (typeof value !== 'number' || !Number.isFinite(value)) verdict.failed.push(`${asked}: is no number`);
    else if ((min !== undefined && value < min) || (max !== undefined && value > max))
      verdict.failed.push(`${asked}: ${value}`);
    else verdict.passed.push(`${asked}: ${value}`);
  }
  return verdict;
}

function valuesOf(report: unknown, name: string): unknown[] {
  if (typeof report !== 'object' || report === null) return [];
  const measurements = (report as { measurements?: unknown }).measurements;
  if (Array.isArray(measurements)) {
    return measurements.filter((each) => each?.metric === name).map((each) => each.value);
  }
  const found = at(report, name);
  return found === undefined ? [] : [found];
}

/** The member of a name, or of its parts between dots; a name as it stands comes first. */
function at(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  if (Object.hasOwn(value, name)) return (value as Record<string, unknown>)[name];
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    const [head, rest] = [name.slice(0, dot), name.slice(dot + 1)];
    if (!Object.hasOwn(value, head)) continue;
    const found = at((value as Record<string, unknown>)[head], rest);
    if (found !== undefined) return found;
  }
  return undefined;
}
