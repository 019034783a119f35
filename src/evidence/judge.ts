import { type Problem, warning } from '../support/index.ts';
import type { FoundStatement } from './read-file.ts';
import { predicateTypes, type Statement } from './statement.ts';
import { type Trust, type TrustedKey, whyNotCounted } from './trust.ts';
import { levelsNamed } from './vsa.ts';

/**
 * Why a statement does not count, by who signed it: undefined for one by a key that is trusted at the statement's own time,
 * in a role that may say this; else a warning `evidence-untrusted`.
 */
export function judge(found: FoundStatement, trust: Trust | undefined): Problem | undefined {
  const why = trust && whyNot(found, trust);
  if (why === undefined) return undefined;
  const { file } = found;
  return warning('evidence-untrusted', `${file} counts for nothing: ${why.says}`, { at: { file }, hint: why.hint });
}

function whyNot({ by, statement, time }: FoundStatement, trust: Trust): { says: string; hint: string } | undefined {
  if (by === 'unsigned')
    return { says: 'nobody signed it', hint: 'make it again with a key of the role that it needs (docs/evidence.md)' };
  if (by === 'unknown')
    return { says: 'no key of this workspace signed it', hint: `name its key under 'trust:' if it is to be trusted` };
  const says = whyNotCounted(by, time) ?? whyNotInRole(by, statement, trust);
  return says === undefined ? undefined : { says, hint: `'trust:' in dmrel.yaml says who may say what, and when` };
}

/** The role whose keys sign results of checks. */
export const testerRole = 'tester';

/** Kinds that one role alone may state. Who approves, waives and holds is the gate's affair. */
const roles: Record<string, string> = {
  [predicateTypes.testResult]: testerRole,
  [predicateTypes.provenance]: 'builder',
  [predicateTypes.materials]: 'builder',
};

function whyNotInRole({ name, roles: own }: TrustedKey, statement: Statement, trust: Trust): string | undefined {
  const missing = rolesNeeded(statement, trust).find((role) => !own.includes(role));
  // That commits were built and tested together is for who builds to say too.
  const ofCommits = statement.subject.every(({ digest }) => digest.sha256 === undefined);
  if (missing === undefined || (missing === testerRole && ofCommits && own.includes('builder'))) return undefined;
  return `key '${name}' has the role '${own.join()}', and this needs '${missing}'`;
}

function rolesNeeded(statement: Statement, trust: Trust): string[] {
  if (statement.predicateType === predicateTypes.verificationSummary)
    return levelsNamed(statement).map((level) => trust.promoterOf.get(level) ?? `promoter-${level}`);
  const role = roles[statement.predicateType];
  return role === undefined ? [] : [role];
}
