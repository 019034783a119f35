import { isFresh } from '../evidence/index.ts';
import type { Digest } from '../support/index.ts';
import type { Condition } from './gate.ts';
import type { CheckFact, GateFacts, ResultFact } from './gate-facts.ts';
import { referenceTo, resultKey, type Statements } from './gate-statements.ts';

/** A condition for each check on each image it looks at. */
export function checkConditions(facts: GateFacts, statements: Statements): Condition[] {
  return facts.checks.flatMap((asked) =>
    asked.images.map((image) => {
      const condition = checkCondition(facts, statements, asked, image);
      if (condition.state === 'met') return condition;
      const waived = withWaiver(condition, statements, asked.check, image);
      return asked.advisory && waived.state !== 'waived' ? advisory(waived) : waived;
    }),
  );
}

function checkCondition(facts: GateFacts, statements: Statements, asked: CheckFact, image: string): Condition {
  const { level, release, now } = facts;
  const { check, configuration, freshness } = asked;
  const digest = facts.images.find(({ name }) => name === image)?.digest;
  const hint = `dmrel check --level ${level} --release ${release}`;
  const condition = { kind: 'check', subject: `${check} of ${image}` } as const;
  const { latest, coming } = newest(statements, asked, digest, now);
  if (
    coming &&
    (!latest || latest.at < coming.at) &&
    coming.configuration === configuration &&
    !isMet(latest, asked, now)
  ) {
    const text = `${check} passed on ${image}, dated ${coming.at}, after now: it does not count until then`;
    return {
      ...condition,
      state: 'wait',
      text,
      until: coming.at,
      hint: `look at the clock, or try again after ${coming.at}`,
      evidence: [referenceTo(coming)],
    };
  }
  if (!latest) return { ...condition, state: 'unmet', text: `${check} was not run on ${image}`, hint };
  const evidence = [referenceTo(latest)];
  if (latest.configuration !== configuration) {
    const text = `${check} was changed after it was run on ${image} (${latest.at})`;
    return { ...condition, state: 'unmet', text, hint, evidence };
  }
  if (!latest.passed) {
    return { ...condition, state: 'unmet', text: `${check} failed on ${image} (${latest.at})`, hint, evidence };
  }
  if (!isFresh(latest.at, freshness, now)) {
    const text = `${check} passed on ${image} too long ago (${latest.at}): a result holds for ${freshness}`;
    return { ...condition, state: 'unmet', text, hint: `${hint} --force`, evidence };
  }
  return { ...condition, state: 'met', text: `${check} passed on ${image} (${latest.at})`, evidence };
}

const isMet = (
  latest: ResultFact | undefined,
  { configuration, freshness }: CheckFact,
  now: GateFacts['now'],
): boolean => latest?.passed === true && latest.configuration === configuration && isFresh(latest.at, freshness, now);

/**
 * The newest result of a check on an image, and the first pass that is dated after now. A pass from the future does
 * not count until then; a failure counts whatever its time says, for it may be the clock that is wrong.
 */
export function newest(
  { results }: Statements,
  { check, configuration }: CheckFact,
  digest: Digest | undefined,
  now: GateFacts['now'],
): { latest?: ResultFact; coming?: ResultFact } {
  let latest: ResultFact | undefined;
  let coming: ResultFact | undefined;
  for (const each of digest === undefined ? [] : (results.get(resultKey(check, digest)) ?? [])) {
    if (each.passed && each.at > now) {
      if (!coming || isBefore(each, coming, configuration)) coming = each;
    } else if (!latest || isBefore(latest, each, configuration)) latest = each;
  }
  return { ...(latest ? { latest } : {}), ...(coming ? { coming } : {}) };
}

/**
 * Of two at the same moment that of the definition in force is the newer, then the failure, and then the order does not
 * matter: by name of their files.
 */
function isBefore(left: ResultFact, right: ResultFact, configuration: Digest): boolean {
  if (left.at !== right.at) return left.at < right.at;
  const inForce = right.configuration === configuration;
  if ((left.configuration === configuration) !== inForce) return inForce;
  if (left.passed !== right.passed) return left.passed;
  return left.file + left.configuration < right.file + right.configuration;
}

/** The condition as somebody answers for it, if somebody does: the waiver that holds longest. */
export function withWaiver(condition: Condition, { waivers }: Statements, check: string, image: string): Condition {
  const found = waivers
    .filter((each) => each.check === check && (each.image === undefined || each.image === image))
    .sort((left, right) =>
      left.until === right.until ? (left.file < right.file ? -1 : 1) : left.until < right.until ? 1 : -1,
    )
    .at(0);
  if (!found) return condition;
  const { reason, until } = found;
  const { until: _until, ...rest } = condition;
  return { ...rest, state: 'waived', waiver: { ...referenceTo(found), reason, until } };
}

function advisory(condition: Condition): Condition {
  const { until: _until, ...rest } = condition;
  return { ...rest, state: 'advisory' };
}
