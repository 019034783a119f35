import type { Severity } from '../workspace/index.ts';
import { type Finding, isObject, type Json, list, Misshapen, severityOf, text } from './findings.ts';

/**
 * SARIF 2.1.0 (OASIS). Severity: the rule's or the result's `properties.security-severity`, a CVSS score, banded as
 * CVSS 3.1 section 5 does; else words in its tags or properties; else its level (error: high, warning: medium, note: low).
 */
export function sarifFindings(run: unknown): Finding[] {
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
  const extensions = list(tool.extensions ?? [], 'extensions').map(componentOf);
  const named = ({ index, guid, name }: Json) => {
    if (typeof index === 'number' && index >= 0) return extensions[index];
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
  const rules = list(listed ?? [], 'rules');
  const byId = new Map(rules.map((each) => [text(each.id), each]));
  byId.delete('');
  return { name, guid, rules, byId };
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
