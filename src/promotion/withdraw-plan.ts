import type { Statement } from '../evidence/index.ts';
import type { PlannedStep } from '../operation/index.ts';
import type { LevelEntry, LevelRecord, ReleaseRecord } from '../releases/index.ts';
import { standingAt } from '../releases/index.ts';
import { type Digest, type Problem, problem, warning } from '../support/index.ts';
import type { LevelFacts } from './level-facts.ts';
import { type LevelPlan, levelPlan, planStep, recordSteps, tagStep } from './level-plan.ts';
import type { FoundImage, PromotedImage } from './plan.ts';
import { digestIn, levelTags, withBelow, withoutReleases, withRelease } from './standing.ts';

export interface WithdrawalFacts extends LevelFacts {
  kind: 'rollback' | 'demote';
  reason: string;
  /** Releases that are taken away, the one that the command is about first. */
  withdrawn: ReleaseRecord[];
  /** What stands there then; undefined: nothing. */
  restored: { record: ReleaseRecord; images: PromotedImage[] } | undefined;
  /** What of others stands there then, where that has not all images. */
  rest: { record: ReleaseRecord; images: PromotedImage[] }[];
  /** Images of what is taken away, as they are named at the level. */
  leaving: PromotedImage[];
  found: Record<string, FoundImage>;
  /** What a tag names where nothing stands. */
  nothing: Digest;
  /** What is signed of it; undefined where nobody has the role for that. */
  statement: Statement | undefined;
  /** The file of that statement, when a run that was killed has signed it. */
  signed: Digest | undefined;
  /** Signatures of the level's promoter are taken away from the images. */
  retracts: boolean;
  /** Of what is recorded: images that have some still, and those that do not have the statement. */
  unfinished: { promoted: ReadonlySet<string>; unsaid: ReadonlySet<string> };
  /** Statements are attached to images, too. */
  signs: boolean;
  filesAreCommitted: boolean;
  /** Other levels where it stands. */
  elsewhere: string[];
}

export interface WithdrawalDetails {
  kind: 'rollback' | 'demote';
  withdrawn: string[];
  to: string | null;
  leaving: PromotedImage[];
  statement: Statement | null;
  signed: Digest | null;
}

export type WithdrawalPlan = LevelPlan<WithdrawalDetails>;

/** What it takes to take releases away from a level: tags go to what stands there then, and it is written down. Pure. */
export function planWithdrawal(facts: WithdrawalFacts): WithdrawalPlan {
  const { kind, level, withdrawn, restored, leaving, found, upstream } = facts;
  const [about] = withdrawn as [ReleaseRecord];
  const standing = nextStanding(facts);
  const records = withdrawn.map((record) => nextRecord(facts, record));
  const recorded = standing === facts.standing && records.every((record, index) => record === withdrawn[index]);
  const problems: Problem[] = [...recommendedProblems(facts), ...elsewhereWarnings(facts)];
  const images = [...(restored?.images ?? []), ...facts.rest.flatMap((each) => each.images)];
  const steps: PlannedStep[] = [];
  for (const { name, digest, to } of images) {
    const done = found[name]?.content === true;
    steps.push(planStep(`copy:${name}`, `copy ${name} to ${to.registry}`, { done, to: digest }));
  }
  const copies = steps.map(({ id }) => id);
  const wanted = levelTags(standing);
  for (const { name, to } of [...images, ...leaving.filter((each) => !images.some(({ name }) => name === each.name))]) {
    const at = found[name]?.level;
    const digest = wanted.get(name) ?? facts.nothing;
    if (at === undefined && !wanted.has(name)) continue; // no tag of nothing is made
    const place = `${to.registry}/${to.repository}:${level.name}`;
    const title = wanted.has(name) ? `tag ${place}` : `let ${place} name nothing`;
    steps.push(tagStep(`level:${name}`, title, at, digest, copies));
  }
  const tags = steps.map(({ id }) => id);
  if (facts.statement) {
    const done = recorded || facts.signed !== undefined;
    steps.push(planStep('sign', 'sign that it was taken away', { done, to: about.name, needs: tags }));
  }
  const still = new Set(standing.current.flatMap((each) => Object.values(each.images).map(digestIn)));
  const beside: string[] = [];
  for (const image of leaving) {
    const place = `${image.to.registry}/${image.to.repository}`;
    const what = { to: image.digest, needs: [...tags, ...(facts.statement ? ['sign'] : [])] };
    const after: string[] = [];
    // The same image stands there as part of another release.
    if (facts.retracts && !still.has(image.digest)) {
      const done = recorded && !facts.unfinished.promoted.has(image.name);
      const title = `take the promoter's signatures from ${place}`;
      steps.push(planStep(`retract:${image.name}`, title, { ...what, done }));
      after.push(`retract:${image.name}`);
    }
    beside.push(...after);
    // After it: both change the list of what belongs to the image, and first the yes goes, then the no comes.
    if (!facts.statement || !facts.signs) continue;
    const done = recorded && !facts.unfinished.unsaid.has(image.name);
    steps.push({ ...planStep(`attest:${image.name}`, `attach it to ${place}`, { ...what, done }), after });
    beside.push(`attest:${image.name}`);
  }
  // A registry that deletes nothing, or cannot be read, keeps no withdrawal from being said: what is left is for later.
  const needed = steps.map(({ id }) => id).filter((id) => !beside.includes(id));
  const [write, ...rest] = recordSteps(level.name, about.name, recorded, facts, needed);
  steps.push({ ...write!, after: beside }, ...rest);
  const verb = kind === 'rollback' ? `Roll ${level.name} back from` : `Demote`;
  const end = kind === 'rollback' ? `to ${restored?.record.name ?? 'nothing'}` : `from ${level.name}`;
  return levelPlan(kind, about.name, steps, problems, upstream, {
    operation: facts.operation,
    at: facts.now,
    by: facts.by,
    level: level.name,
    lane: facts.lane,
    takeOver: facts.takeOver,
    images,
    records,
    standing,
    subject: `${verb} ${about.name} ${end}: ${facts.reason}`,
    kind,
    withdrawn: withdrawn.map(({ name }) => name),
    to: restored?.record.name ?? null,
    leaving,
    statement: facts.statement ?? null,
    signed: facts.signed ?? null,
  });
}

/** The level without them, with what stands there then; they may not come back by themselves. */
function nextStanding(facts: WithdrawalFacts): LevelRecord {
  const { standing, level, withdrawn, restored, rest, now, by, reason } = facts;
  const names = withdrawn.map(({ name }) => name);
  const gone = withdrawn.every((record) => standingAt(record, level.name) === undefined);
  if (gone && !standing.current.some(({ release }) => names.includes(release))) return standing;
  const without = withoutReleases(standing, names);
  const entryOf = ({ record, images }: WithdrawalFacts['rest'][0]): LevelEntry => {
    const references = images.map(({ name, reference }) => [name, reference]);
    return { release: record.name, since: now, images: Object.fromEntries(references) };
  };
  const rules = { keep: level.config.keep, images: level.images };
  const head = restored ? withRelease(without, entryOf(restored), rules) : without;
  const next = rest.map(entryOf).reduce(withBelow, head);
  const others = (standing.withheld ?? []).filter(({ release }) => !names.includes(release));
  return { ...next, withheld: [...others, ...names.map((release) => ({ release, by, at: now, reason }))] };
}

function nextRecord(
  { level, kind, now, by, operation, reason, restored }: WithdrawalFacts,
  record: ReleaseRecord,
): ReleaseRecord {
  const stands = standingAt(record, level.name);
  if (!stands) return record;
  const to = restored ? { to: restored.record.name } : {};
  const withdrawal = { level: level.name, at: now, by, operation, kind, images: stands.images, reason, ...to };
  return { ...record, withdrawals: [...(record.withdrawals ?? []), withdrawal] };
}

/** What people were told to use is not taken from under them by the way. */
function recommendedProblems({ standing, withdrawn, level }: WithdrawalFacts): Problem[] {
  const named = withdrawn.find(({ name }) => name === standing.recommended);
  if (!named) return [];
  const hint = `recommend another one first: dmrel recommend --level ${level.name} --release NAME`;
  return [problem('release-in-use', `${named.name} is recommended at ${level.name}`, { hint, subject: named.name })];
}

function elsewhereWarnings({ elsewhere, withdrawn: [about], kind }: WithdrawalFacts): Problem[] {
  if (kind !== 'demote') return [];
  return elsewhere.map((other) => warning('release-in-use', `${about!.name} still stands at ${other}`));
}
