import { testerRole } from '../evidence/index.ts';
import type { Digest } from '../support/index.ts';
import type { EvidenceReference, IgnoredStatement } from './gate.ts';
import type { ApprovalFact, GateFacts, ResultFact, StatementFact, WaiverFact } from './gate-facts.ts';

/** The statements that count, where they are looked for, and those that do not, with why. */
export interface Statements {
  /** Results by check and digest. */
  results: ReadonlyMap<string, ResultFact[]>;
  approvals: ApprovalFact[];
  waivers: WaiverFact[];
  ignored: IgnoredStatement[];
}

export const resultKey = (check: string, digest: Digest): string => `${check} ${digest}`;

/** Tell statements of authors who may make them, about this release as it is, from all others. */
export function sortStatements(facts: GateFacts): Statements {
  const { signed, level, now, releaseDigest } = facts;
  const ignored: IgnoredStatement[] = facts.unproved.map(({ file, why }) => ({ file, why }));
  const ignore = ({ file, by, at }: StatementFact, why: string): false => {
    ignored.push({ file, by: by.name, at, why });
    return false;
  };
  const mayBe = (statement: StatementFact, role: string): boolean => {
    if (!signed || statement.by.roles?.includes(role)) return true;
    if (statement.by.roles === undefined)
      return ignore(statement, `is not signed; only keys of the role ${role} count`);
    const roles = statement.by.roles.length > 0 ? statement.by.roles.join(', ') : 'none';
    return ignore(statement, `${statement.by.name} has not the role ${role} (its roles: ${roles})`);
  };

  const asked = new Set(facts.checks.map(({ check }) => check));
  for (const each of facts.ceilings.vulnerabilities?.checks ?? []) asked.add(each);
  const digests = new Set(facts.images.map(({ digest }) => digest));
  const results = new Map<string, ResultFact[]>();
  for (const each of facts.results) {
    if (!asked.has(each.check) || !digests.has(each.digest) || !mayBe(each, testerRole)) continue;
    const key = resultKey(each.check, each.digest);
    const known = results.get(key);
    if (known) known.push(each);
    else results.set(key, [each]);
  }

  const rules = new Map(facts.approvals.map((rule) => [rule.role, rule]));
  const approvals = facts.approved.filter((each) => {
    if (each.level !== level) return false;
    if (!rules.has(each.role)) return ignore(each, `${level} asks for no approval by ${each.role}`);
    if (!mayBe(each, each.role)) return false;
    if (each.release !== releaseDigest) return ignore(each, 'approves other images of the release');
    return true;
  });
  const waivers = facts.waived.filter((each) => {
    if (each.level !== level) return false;
    if (signed && facts.waivers === undefined) return ignore(each, `nobody may waive anything at ${level}`);
    if (facts.waivers !== undefined && !mayBe(each, facts.waivers)) return false;
    const image = facts.images.find(({ name }) => name === each.image);
    const subject = each.image === undefined ? releaseDigest : image?.digest;
    if (each.subject !== subject) return ignore(each, `waives ${each.check} of other images`);
    if (each.at > now) return ignore(each, `is dated ${each.at}, after now: it does not count until then`);
    if (each.until < now.slice(0, 10)) return ignore(each, `waived ${each.check} until ${each.until}`);
    return true;
  });
  return { results, approvals, waivers, ignored };
}

/** The order in which they are shown, whatever order they were read in. */
export const byFile = (left: IgnoredStatement, right: IgnoredStatement): number => {
  const [first, second] = [left, right].map(({ file, at = '', by = '', why }) => `${file}\0${at}\0${by}\0${why}`);
  return first! < second! ? -1 : first! > second! ? 1 : 0;
};

export const referenceTo = ({ file, by, at }: StatementFact): EvidenceReference => ({ file, by: by.name, at });
