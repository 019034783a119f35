import type { Statement } from '../evidence/index.ts';
import type { Level } from '../levels/index.ts';
import type { PlannedStep } from '../operation/index.ts';
import type { LevelRecord, OwedCondition, Promotion, ReleaseRecord } from '../releases/index.ts';
import { standingAt } from '../releases/index.ts';
import type { Digest, Instant, Problem } from '../support/index.ts';
import { problem } from '../support/index.ts';
import type { GateDecision } from './gate.ts';
import { type LevelPlan, levelPlan, planStep, recordSteps, releaseTagStep, tagStep } from './level-plan.ts';
import { replacedImages } from './replaced.ts';
import { levelTags, withRelease } from './standing.ts';

/** An image on its way up. */
export interface PromotedImage {
  name: string;
  digest: Digest;
  /** Where it comes from and goes to, as registry name and repository. */
  from: { registry: string; repository: string };
  to: { registry: string; repository: string };
  /** How the level's record names it. */
  reference: string;
}

/** What the level's registry has of an image. */
export interface FoundImage {
  /** All of it, with everything that belongs to it. */
  content: boolean;
  /** The digests behind the release's tag, the level's tag, and `recommended`. */
  release?: Digest;
  level?: Digest;
  recommended?: Digest;
}

export interface PromotionFacts {
  operation: string;
  now: Instant;
  by: string;
  level: Level;
  /** The level under whose name its registry is had. */
  lane: string;
  record: ReleaseRecord;
  standing: LevelRecord;
  images: PromotedImage[];
  /** Images that stand there by the record, and have no word of its promoter that counts. */
  unproved: readonly string[];
  /** What was asked for and was not built. */
  unbuilt: readonly string[];
  decision: GateDecision;
  found: Record<string, FoundImage>;
  /** By image, the statement that will be signed. */
  summaries: Record<string, Statement>;
  /** Statements of a run that came as far as to sign, by image. */
  signed: Record<string, Digest>;
  /** Statements are signed and go to the registry, too. */
  signs: boolean;
  emergency?: { reason: string; ref: string };
  filesAreCommitted: boolean;
  upstream: { name: string; pending: boolean } | undefined;
  takeOver: boolean;
}

export interface PromotionDetails {
  decision: GateDecision;
  /** What is signed, by image, when the image comes new. */
  summaries: Record<string, Statement>;
  signed: Record<string, Digest>;
  /** Images meant for the level that this leaves behind. */
  left: string[];
  /** The emergency as it is signed. */
  emergency?: { reason: string; ref: string };
  owed: OwedCondition[];
}

export type PromotionPlan = LevelPlan<PromotionDetails>;

/** What it takes to bring a release up to a level; gates that say no are its problems. Pure. */
export function planPromotion(facts: PromotionFacts): PromotionPlan {
  const { level, record, images, found, decision, upstream } = facts;
  const before = standingAt(record, level.name);
  const replaced = before ? replacedImages(facts.standing, level.config, record, before) : [];
  // Of a run that was killed the rest is finished; what another one replaced since comes back by the gate alone.
  const back = facts.filesAreCommitted ? replaced : [];
  const comes = (name: string) => facts.unproved.includes(name) || back.includes(name);
  const fresh = images.filter(({ name, digest }) => before?.images[name] !== digest || comes(name));
  const owed = fresh.length > 0 ? owedConditions(decision) : [];
  const entry = nextPromotion(facts, fresh, owed);
  const promoted = entry ? { ...record, promotions: [...(record.promotions ?? []), entry] } : record;
  const stands = images.filter(({ name }) => !replaced.includes(name) || fresh.some((each) => each.name === name));
  const references = Object.fromEntries(stands.map(({ name, reference }) => [name, reference]));
  const since = replaced.length > 0 ? facts.now : (before?.since ?? facts.now);
  const rules = { keep: level.config.keep, images: level.images };
  const entered = withRelease(facts.standing, { release: record.name, since, images: references }, rules);
  const standing = stands.length > 0 ? entered : facts.standing;
  const problems: Problem[] = gateProblems(facts, fresh);
  const isLeft = standing.current.every(({ release }) => release !== record.name);
  if (problems.length === 0 && standing !== facts.standing && isLeft) {
    const message = `${record.name} may not go to ${level.name}: it is older than all that ${level.name} keeps`;
    const hint = `'keep:' of ${level.name} in dmrel.yaml says how many stay there`;
    problems.push(problem('gate-denied', message, { hint, subject: level.name }));
  }

  const steps: PlannedStep[] = [];
  for (const { name, digest, to } of images) {
    const done = found[name]?.content === true;
    steps.push(planStep(`copy:${name}`, `copy ${name} to ${to.registry}`, { done, to: digest }));
    const verify = { done: done && !fresh.some((each) => each.name === name), to: digest, needs: [`copy:${name}`] };
    steps.push(planStep(`verify:${name}`, `verify ${name} at ${to.registry}`, verify));
  }
  const verified = images.map(({ name }) => `verify:${name}`);
  const unsigned = fresh.filter(({ name }) => facts.signed[name] === undefined);
  const say = facts.signs ? 'sign what was verified' : 'write what was verified';
  if (fresh.length > 0) {
    steps.push(
      planStep('sign', say, { done: unsigned.length === 0 && owed.length === 0, to: record.name, needs: verified }),
    );
  }
  const content = fresh.length > 0 ? ['sign'] : verified;
  if (facts.signs) {
    for (const { name, digest, to } of fresh) {
      steps.push(
        planStep(`attest:${name}`, `attach it to ${to.registry}/${to.repository}`, { to: digest, needs: content }),
      );
    }
  }
  const attested = facts.signs && fresh.length > 0 ? fresh.map(({ name }) => `attest:${name}`) : content;
  const tags = images.map((image) => releaseTagStep(image, record.name, found[image.name]?.release, attested));
  steps.push(...tags.map(({ step }) => step));
  problems.push(...tags.flatMap((each) => each.problem ?? []));
  const newest = levelTags(standing);
  for (const { name, digest, to } of images) {
    if (newest.get(name) !== digest) continue; // a newer one has it
    const place = `${to.registry}/${to.repository}:${level.name}`;
    const needs = images.map((each) => `tag:${each.name}`);
    steps.push(tagStep(`level:${name}`, `tag ${place}`, found[name]?.level, digest, needs));
  }
  const recorded = promoted === record && standing === facts.standing;
  steps.push(
    ...recordSteps(
      level.name,
      record.name,
      recorded,
      facts,
      steps.map(({ id }) => id),
    ),
  );
  const details = {
    decision,
    summaries: Object.fromEntries(fresh.map(({ name }) => [name, facts.summaries[name]!])),
    signed: facts.signed,
    left: level.images.filter((name) => !images.some((each) => each.name === name) && !before?.images[name]),
    ...(owed.length > 0 ? { emergency: facts.emergency! } : {}),
    owed,
  };
  return levelPlan('promote', record.name, steps, problems, upstream, {
    ...details,
    operation: facts.operation,
    at: facts.now,
    by: facts.by,
    level: level.name,
    lane: facts.lane,
    takeOver: facts.takeOver,
    images,
    records: [promoted],
    standing,
    subject: `Promote ${record.name} to ${level.name}`,
  });
}

const owedConditions = ({ conditions }: GateDecision): OwedCondition[] =>
  conditions.filter(({ state }) => state === 'owed').map(({ kind, subject, text }) => ({ kind, subject, text }));

function gateProblems({ decision, record, level, unbuilt }: PromotionFacts, fresh: PromotedImage[]): Problem[] {
  // What stands there was let in already: finishing its records asks no gate again.
  if (fresh.length === 0 && unbuilt.length === 0 && standingAt(record, level.name)) return [];
  const toProblem =
    (code: 'gate-denied' | 'gate-deferred') =>
    ({ text, hint, subject }: GateDecision['conditions'][number]) =>
      problem(code, `${record.name} may not go to ${level.name}: ${text}`, { subject, ...(hint ? { hint } : {}) });
  return [
    ...decision.conditions.filter(({ state }) => state === 'unmet').map(toProblem('gate-denied')),
    ...decision.conditions.filter(({ state }) => state === 'wait').map(toProblem('gate-deferred')),
  ];
}

/** What the release's record says of this promotion; undefined when it says so already. */
function nextPromotion(
  { level, now, by, operation, emergency }: PromotionFacts,
  fresh: PromotedImage[],
  owed: OwedCondition[],
): Promotion | undefined {
  if (fresh.length === 0) return undefined;
  const images = Object.fromEntries(fresh.map(({ name, digest }) => [name, digest]));
  const urgent = owed.length > 0 && emergency ? { emergency, owed } : {};
  return { level: level.name, at: now, by, operation, images, ...urgent };
}
