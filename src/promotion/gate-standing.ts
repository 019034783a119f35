import { type Digest, epochSeconds, formatDuration, type Instant, instantOf, parseDuration } from '../support/index.ts';
import { demoterRole } from './demoter.ts';
import type { Condition } from './gate.ts';
import type { AfterFact, GateFacts, SummaryFact, WithdrawalFact } from './gate-facts.ts';
import { referenceTo } from './gate-statements.ts';

/** A record somebody changed proves nothing: what was taken out of it may have said no. */
export function brokenConditions({ broken }: GateFacts): Condition[] {
  return broken.map(({ message, at, hint = 'restore it from git' }) => {
    return { kind: 'trust', subject: at?.file ?? 'evidence', state: 'unmet', text: message, hint };
  });
}

export function builtConditions({ images, release, level }: GateFacts): Condition[] {
  if (images.length === 0) {
    const hint = `name '${level}' in the 'levels:' of an image`;
    return [{ kind: 'built', subject: level, state: 'unmet', text: `no image is meant for level ${level}`, hint }];
  }
  return images.map(({ name, digest }) =>
    digest
      ? { kind: 'built', subject: name, state: 'met', text: `${name} is built: ${digest}` }
      : {
          kind: 'built',
          subject: name,
          state: 'unmet',
          text: `${name} of ${release} is not built`,
          hint: `dmrel build --release ${release}`,
        },
  );
}

export function afterConditions(facts: GateFacts): Condition[] {
  const { any, levels } = facts.after;
  const each = levels.map((before) => afterCondition(facts, before));
  if (!any || each.length < 2) return each;
  const met = each.find(({ state }) => state === 'met');
  const names = levels.map(({ level }) => level).join(' or ');
  const condition = { kind: 'after', subject: names, anyOf: each } as const;
  if (met) return [{ ...condition, state: 'met', text: met.text }];
  const text = `${facts.release} stands neither at ${levels.map(({ level }) => level).join(' nor at ')}`;
  return [{ ...condition, state: 'unmet', text, hint: each[0]!.hint! }];
}

function afterCondition(facts: GateFacts, before: AfterFact): Condition {
  const { images, release } = facts;
  const { level, since, images: standing, meant } = before;
  const hint = `dmrel promote --level ${level} --release ${release}`;
  const condition = { kind: 'after', subject: level } as const;
  if (since === undefined) return { ...condition, state: 'unmet', text: `${release} does not stand at ${level}`, hint };
  const other = images.find(({ name, digest }) => meant.includes(name) && standing[name] !== digest);
  if (other) {
    const text = `${level} has ${standing[other.name] ?? 'no'} ${other.name} of ${release}, not this one`;
    return { ...condition, state: 'unmet', text, hint };
  }
  const text = `stands at ${level} since ${since}`;
  if (!facts.signed) return { ...condition, state: 'met', text };
  const proofs = images.flatMap(({ name, digest }) =>
    digest !== undefined && meant.includes(name)
      ? [{ name, digest, summary: newestSummary(facts, level, digest) }]
      : [],
  );
  const unproved = proofs.find(({ summary }) => !summary?.passed);
  if (unproved) {
    const said = unproved.summary ? 'says that it no longer does' : 'never said so';
    const doubt = `${level} has ${unproved.name} of ${release} in its record, but its promoter ${said}`;
    return { ...condition, state: 'unmet', text: doubt, hint };
  }
  for (const { name, digest, summary } of proofs) {
    const gone = takenAway(facts, level, digest, summary!);
    if (!gone) continue;
    const doubt = `${level} has ${name} of ${release} in its record, but ${gone.by.name} took it away at ${gone.at}`;
    return { ...condition, state: 'unmet', text: doubt, hint, evidence: [referenceTo(gone)] };
  }
  return { ...condition, state: 'met', text, evidence: proofs.map(({ summary }) => referenceTo(summary!)) };
}

/** What a level's promoter said last of an image; of equal times the no. */
function newestSummary({ summaries, now }: GateFacts, level: string, digest: Digest): SummaryFact | undefined {
  const rank = ({ at, passed, file }: SummaryFact): string => `${at} ${passed ? 0 : 1} ${file}`;
  return summaries
    .filter((each) => each.levels.includes(level) && each.digests.includes(digest) && (each.at <= now || !each.passed))
    .reduce<SummaryFact | undefined>((last, each) => (last && rank(last) > rank(each) ? last : each), undefined);
}

/** Who may has taken an image away since its promoter's word. Of equal times the record says which came last. */
function takenAway(
  { withdrawn }: GateFacts,
  level: string,
  digest: Digest,
  { at }: SummaryFact,
): WithdrawalFact | undefined {
  return withdrawn.find(
    (each) =>
      each.level === level &&
      each.digests.includes(digest) &&
      each.at > at &&
      each.by.roles?.includes(demoterRole) === true,
  );
}

/** Whether a level's promoter says that an image stands there, and nobody has taken it away since. */
export function isProved(facts: GateFacts, level: string, digest: Digest): boolean {
  const summary = newestSummary(facts, level, digest);
  return summary?.passed === true && takenAway(facts, level, digest, summary) === undefined;
}

/** The last moment that is written with a year of four digits: a soak of a million days ends then. */
const endOfTime = Date.parse('9999-12-31T23:59:59Z');
const never = instantOf(new Date(endOfTime));

/** @returns the moment so many seconds later, no later than can be written */
const later = (instant: Instant, seconds: number): Instant =>
  instantOf(new Date(Math.min((epochSeconds(instant) + seconds) * 1000, endOfTime)));

export function soakConditions(facts: GateFacts): Condition[] {
  const { soak, now } = facts;
  const seconds = soak === undefined ? undefined : parseDuration(soak);
  if (seconds === undefined) return [];
  const each = facts.after.levels.flatMap((before): Condition[] => {
    const { level, since } = before;
    if (since === undefined) return [];
    // Where one level is enough, time at one that does not count is no time.
    if (facts.after.any && afterCondition(facts, before).state !== 'met') return [];
    const { until: end } = before;
    const stood = Math.max(0, epochSeconds(end ?? now) - epochSeconds(since));
    if (stood >= seconds) {
      const text = `stood at ${level} for ${formatDuration(stood)} of ${soak}`;
      return [{ kind: 'soak', subject: level, state: 'met', text }];
    }
    if (end !== undefined) {
      const text = `stood at ${level} for ${formatDuration(stood)} of ${soak}, until another release took its place`;
      const hint = `promote the release that stands at ${level} now`;
      return [{ kind: 'soak', subject: level, state: 'unmet', text, hint }];
    }
    const until = later(since, seconds);
    const text = `has stood at ${level} for ${formatDuration(stood)} of ${soak}`;
    return [{ kind: 'soak', subject: level, state: 'wait', text, until, hint: `try again after ${until}` }];
  });
  if (!facts.after.any || each.length < 2) return each;
  const met = each.find(({ state }) => state === 'met');
  const soonest = each.reduce((left, right) => ((left.until ?? never) <= (right.until ?? never) ? left : right));
  return [met ?? soonest];
}

export function milestoneConditions({ milestone, level }: GateFacts): Condition[] {
  if (!milestone) return [];
  const { id, unverified, features, setAside } = milestone;
  const condition = { kind: 'milestone', subject: id } as const;
  if (features === 0 && setAside === 0) {
    const hint = `name another under 'milestone:' of ${level}, or features under its 'needs:'`;
    return [{ ...condition, state: 'unmet', text: `${id} has no features: nothing says what is to be verified`, hint }];
  }
  if (features === 0)
    return [
      {
        ...condition,
        state: 'met',
        text: `no feature of ${id} is left to be verified: ${setAside} set aside or waived`,
      },
    ];
  if (unverified.length === 0) {
    return [{ ...condition, state: 'met', text: `all ${features} features of ${id} are verified` }];
  }
  const named = unverified.slice(0, 5).join(', ');
  const more = unverified.length > 5 ? ` and ${unverified.length - 5} more` : '';
  const text = `${unverified.length} of ${features} features of ${id} are not verified: ${named}${more}`;
  return [{ ...condition, state: 'unmet', text, hint: `dmrel milestone status ${id}` }];
}

export function freezeConditions({ frozen, level }: GateFacts): Condition[] {
  if (!frozen) return [];
  const { reason, until } = frozen;
  const condition = { kind: 'freeze', subject: level } as const;
  if (until === undefined) {
    const hint = `change 'freeze:' of ${level} in dmrel.yaml: no window of it ever opens again`;
    return [{ ...condition, state: 'unmet', text: `${level} is frozen: ${reason}`, hint }];
  }
  const text = `${level} is frozen until ${until}: ${reason}`;
  return [{ ...condition, state: 'wait', text, until, hint: `try again after ${until}` }];
}

export function holdConditions({ held, level }: GateFacts): Condition[] {
  if (!held) return [];
  const hint = `when its reason is gone: dmrel release-hold --level ${level}`;
  const text = `${level} is held by ${held.by}: ${held.reason}`;
  return [{ kind: 'hold', subject: level, state: 'unmet', text, hint }];
}

export function orderConditions({ newer, level, release }: GateFacts): Condition[] {
  if (newer === undefined) return [];
  const hint = `promote a release newer than ${newer}`;
  const text = `${newer}, newer than ${release}, stands at ${level}`;
  return [{ kind: 'order', subject: level, state: 'unmet', text, hint }];
}
