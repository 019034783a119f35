import { failed, ok, problem, type Result } from '../support/index.ts';
import { type Severity, severities, type VulnerabilitiesCheck } from '../workspace/index.ts';
import { type Finding, isObject, type Json, list, Misshapen, severityOf, text } from './findings.ts';
import { sarifFindings } from './sarif.ts';
import { boundedNames, type Verdict } from './verdict.ts';

/**
 * What a scanner's report lists: SARIF 2.1.0, Trivy (`Results`) or Grype (`matches`). A report that is none of them, or of
 * which a part is not as its format says, is refused: what cannot be read is not taken for nothing found.
 * Problem: `report-invalid`.
 * @param name how the report is called in messages
 */
export function readFindings(report: unknown, name: string): Result<Finding[]> {
  const refuse = (message: string) =>
    failed<Finding[]>(
      problem('report-invalid', `${name}: ${message}`, { hint: 'expected JSON of SARIF, Trivy or Grype' }),
    );
  try {
    if (!isObject(report)) return refuse('is no report');
    if (isEmpty(report.runs)) return refuse('looked at nothing: it has no runs');
    if (Array.isArray(report.runs)) return ok(uniqueOf(report.runs.flatMap(sarifFindings)));
    if (Array.isArray(report.matches)) return ok(uniqueOf(report.matches.map(grypeFinding)));
    const isTrivy = typeof report.SchemaVersion === 'number';
    // Trivy leaves 'Results' out where there was nothing to look at; of what is clean it names what it looked at.
    if ((isTrivy && report.Results === undefined) || isEmpty(report.Results))
      return refuse('looked at nothing: it has no results');
    if (Array.isArray(report.Results)) return ok(uniqueOf(report.Results.flatMap(trivyFindings)));
    return refuse('is none of SARIF, Trivy or Grype');
  } catch (error) {
    if (error instanceof Misshapen) return refuse(error.message);
    throw error;
  }
}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/** Aqua Trivy, JSON: Results[].Vulnerabilities[] {VulnerabilityID, PkgName, Severity}; secrets and misconfigurations count too. */
function trivyFindings(result: unknown): Finding[] {
  if (!isObject(result)) throw new Misshapen('a result is no object');
  const kinds = [
    ['Vulnerabilities', 'VulnerabilityID', 'PkgName'],
    ['Misconfigurations', 'ID', 'Title'],
    ['Secrets', 'RuleID', 'Title'],
  ] as const;
  return kinds.flatMap(([section, id, where]) => {
    if (result[section] === undefined || result[section] === null) return [];
    return list(result[section], section)
      .filter((each) => section !== 'Misconfigurations' || each.Status !== 'PASS')
      .map((each) => ({ id: text(each[id]), where: text(each[where]), severity: severityOf(each.Severity) }));
  });
}

/** Anchore Grype, JSON: matches[] {vulnerability: {id, severity}, artifact: {name, version}}. */
function grypeFinding(match: unknown): Finding {
  const { vulnerability, artifact } = (isObject(match) ? match : {}) as Json;
  if (!isObject(vulnerability)) throw new Misshapen('a match has no vulnerability');
  const found = isObject(artifact) ? `${text(artifact.name)} ${text(artifact.version)}`.trim() : '';
  return { id: text(vulnerability.id), where: found, severity: severityOf(vulnerability.severity) };
}

/** The same finding in the same place, told twice, is one. What has no name is never taken for another. */
function uniqueOf(findings: readonly Finding[]): Finding[] {
  const seen = new Set<string>();
  return findings.filter(({ id, where, severity }) => {
    const key = JSON.stringify([id, where, severity]);
    if (id !== '' && seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Counts by severity against the ceilings. A severity that nobody knows is held against `unknown`, else against the strictest. */
export function judgeFindings(findings: readonly Finding[], max: VulnerabilitiesCheck['max']): Verdict {
  const verdict: Verdict = { passed: [], warned: [], failed: [] };
  const strictest = severities.find((each) => max[each] !== undefined)!;
  const countedAs = (severity: Severity): Severity =>
    severity === 'unknown' && max.unknown === undefined ? strictest : severity;
  const counts: Record<string, number> = {};
  for (const severity of severities) {
    const limit = max[severity];
    const found = findings.filter((each) => countedAs(each.severity) === severity);
    // As it was found: whoever has other ceilings decides anew what is unknown.
    counts[severity] = findings.filter((each) => each.severity === severity).length;
    if (limit === undefined) {
      if (found.length > 0) verdict.warned.push(`${found.length} ${severity}, of which any number may be there`);
      continue;
    }
    const asked = `at most ${limit} ${severity}`;
    if (found.length <= limit) verdict.passed.push(`${asked}: ${found.length}`);
    else {
      const names = boundedNames(
        found.map(({ id, where }) => [id || '(no name)', where].filter(Boolean).join(' in ')).slice(0, 20),
        '',
      );
      verdict.failed.push(`${asked}: ${found.length}, such as ${names.slice(0, 5).join(', ')}`);
    }
  }
  return { ...verdict, counts };
}
