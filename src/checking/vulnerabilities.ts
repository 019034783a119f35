import { failed, ok, problem, type Result } from '../support/index.ts';
import { type Severity, severities, type VulnerabilitiesCheck } from '../workspace/index.ts';
import { boundedNames, type Verdict } from './verdict.ts';

/** One vulnerability as a scanner found it: what, where, how bad. */
export interface Finding {
  id: string;
  where: string;
  severity: Severity;
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

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

class Misshapen extends Error {}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

const list = (value: unknown, what: string): Json[] => {
  if (!Array.isArray(value) || !value.every(isObject)) throw new Misshapen(`${what} is no list of objects`);
  return value;
};

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

/**
 * SARIF 2.1.0 (OASIS). Severity: the rule's or the result's `properties.security-severity`, a CVSS score, banded as
 * CVSS 3.1 section 5 does; else words in its tags or properties; else its level (error: high, warning: medium, note: low).
 */
function sarifFindings(run: unknown): Finding[] {
  if (!isObject(run)) throw new Misshapen('a run is no object');
  const ruleOf = sarifRules(isObject(run.tool) ? run.tool : {});
  if (run.results === undefined) throw new Misshapen('a run has no results: the scanner did not come to its end');
  const invocations = Array.isArray(run.invocations) ? run.invocations.filter(isObject) : [];
  if (invocations.some(({ executionSuccessful }) => executionSuccessful === false))
    throw new Misshapen('the scanner says that it did not succeed');
  return list(run.results, 'results')
    .filter(
      ({ kind, suppressions }) =>
        (kind === undefined || kind === 'fail' || kind === 'open') && !isSuppressed(suppressions),
    )
    .map((result) => {
      const rule = ruleOf(result);
      return {
        id: text(result.ruleId) || text(rule?.id),
        where: placeOf(result),
        severity: sarifSeverity(result, rule),
      };
    });
}

/**
 * The rule of a result (SARIF 3.27.5 to 3.27.7, 3.52, 3.54): by its id or its place, in the component of the tool that the result
 * names, else in the driver; and by its id in any extension.
 */
function sarifRules(tool: Json): (result: Json) => Json | undefined {
  const driver = componentOf(tool.driver);
  const extensions = tool.extensions === undefined ? [] : list(tool.extensions, 'extensions').map(componentOf);
  const named = ({ index, guid, name }: Json) => {
    if (typeof index === 'number') return extensions[index];
    return [driver, ...extensions].find((each) => (guid === undefined ? each.name === name : each.guid === guid));
  };
  return ({ rule: reference, ruleId, ruleIndex }) => {
    const { toolComponent, id, index = ruleIndex } = (isObject(reference) ? reference : {}) as Json;
    const wanted = text(ruleId) || text(id);
    const component = (isObject(toolComponent) ? named(toolComponent) : undefined) ?? driver;
    const byPlace = typeof index === 'number' ? component.rules[index] : undefined;
    const elsewhere = [driver, ...extensions].find(({ byId }) => byId.has(wanted));
    return component.byId.get(wanted) ?? byPlace ?? elsewhere?.byId.get(wanted);
  };
}

function componentOf(value: unknown) {
  const { name, guid, rules: listed } = (isObject(value) ? value : {}) as Json;
  const rules = listed === undefined ? [] : list(listed, 'rules');
  return { name, guid, rules, byId: new Map(rules.map((each) => [text(each.id), each])) };
}

const isSuppressed = (suppressions: unknown): boolean =>
  Array.isArray(suppressions) &&
  suppressions.length > 0 &&
  suppressions.every((each) => isObject(each) && (each.status === undefined || each.status === 'accepted'));

function placeOf(result: Json): string {
  const [location] = Array.isArray(result.locations) ? result.locations : [];
  const physical = isObject(location) && isObject(location.physicalLocation) ? location.physicalLocation : {};
  return isObject(physical.artifactLocation) ? text(physical.artifactLocation.uri) : '';
}

function sarifSeverity(result: Json, rule: Json | undefined): Severity {
  for (const each of [result, rule]) {
    const properties = each && isObject(each.properties) ? each.properties : {};
    const said = properties['security-severity'] ?? '';
    if (/^\s*\d+(?:\.\d+)?\s*$/.test(String(said))) return bandOf(Number(said));
    // An empty text says nothing; what is no score of CVSS, such as a negative one, is nothing that anybody knows.
    if (text(said).trim() !== '' || typeof said !== 'string') return severityOf(said);
    if (properties.severity !== undefined) return severityOf(properties.severity);
  }
  const configured = rule && isObject(rule.defaultConfiguration) ? rule.defaultConfiguration.level : undefined;
  const levels: Record<string, Severity> = { error: 'high', warning: 'medium', note: 'low', none: 'negligible' };
  const level = text(result.level ?? configured) || 'warning'; // SARIF 3.27.10
  return Object.hasOwn(levels, level) ? levels[level]! : 'unknown';
}

const bandOf = (score: number): Severity =>
  score >= 9 ? 'critical' : score >= 7 ? 'high' : score >= 4 ? 'medium' : score > 0 ? 'low' : 'negligible';

const otherWords: Record<string, Severity> = {
  important: 'high',
  moderate: 'medium',
  info: 'negligible',
  informational: 'negligible',
  none: 'negligible',
};

function severityOf(word: unknown): Severity {
  const lower = text(word).toLowerCase();
  const known = severities.find((each) => each === lower);
  return known ?? (Object.hasOwn(otherWords, lower) ? otherWords[lower]! : 'unknown');
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
