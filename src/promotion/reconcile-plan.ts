import type { PlannedStep } from '../operation/index.ts';
import type { Digest, Problem } from '../support/index.ts';
import { problem, warning } from '../support/index.ts';
import { planStep, tagStep } from './level-plan.ts';
import type { PromotedImage } from './plan.ts';
import type { TakenImage } from './withdraw-signatures.ts';

/** Something in a registry that is not as a level's record says. */
export interface Drift {
  level: string;
  /** `batch/stack:w.2018.18`, or an image by its digest. */
  where: string;
  what: string;
  found: string | null;
  wanted: string | null;
  /** It is set right; what no record names is not. */
  repaired: boolean;
  /** Who or what sets it right, where this run does not. */
  remedy?: string;
}

/** A tag as it is and as the records have it. */
export interface TagFact {
  image: PromotedImage;
  tag: string;
  found: Digest | undefined;
  wanted: Digest;
}

/** What of the promoter's is at an image: all, all but its signature, or nothing; or the record has nothing that counts. */
export type Attached = 'all' | 'unsigned' | 'nothing' | 'uncounted';

/** What a level's registry has, beside what its record says. */
export interface ReconcileFacts {
  level: string;
  /** Where the level is had before tags are moved. */
  upstream: { name: string } | undefined;
  /** By release and image: what stands there. */
  standing: { release: string; image: PromotedImage; content: boolean; attached: Attached }[];
  /** Whether a key of the promoter is at hand. */
  canSign: boolean;
  tags: TagFact[];
  /** Tags of releases that no record lets stand or have stood there. */
  strays: { where: string; digest: Digest | undefined }[];
  /** Images that were taken away as not fit, and have something of the promoter still. */
  taken: TakenImage[];
}

export interface LevelRepair {
  level: string;
  steps: PlannedStep[];
  drift: Drift[];
  images: Map<string, PromotedImage>;
  tags: Map<string, TagFact>;
  taken: Map<string, TakenImage>;
}

const missing = {
  unsigned: "lacks the promoter's signature for",
  nothing: "lacks the promoter's statement on",
  uncounted: 'has no statement of its promoter that counts on',
};

const placeOf = ({ to }: PromotedImage): string => `${to.registry}/${to.repository}`;

/** What it takes to set a level's registry right again from the records: content first, tags last. Pure. */
export function planRepair({ level, upstream, standing, canSign, tags, strays, taken }: ReconcileFacts): LevelRepair {
  const repair: LevelRepair = { level, steps: [], drift: [], images: new Map(), tags: new Map(), taken: new Map() };
  /** @param remedy where it is not set right */
  const report = (where: string, what: string, found: string | null, wanted: string | null, remedy?: string) =>
    repair.drift.push({
      ...{ level, where, what, found, wanted, repaired: remedy === undefined },
      ...(remedy === undefined ? {} : { remedy }),
    });
  for (const { release, image, content, attached } of standing) {
    const key = `${level}/${release}/${image.name}`;
    const where = `${placeOf(image)}@${image.digest}`;
    repair.images.set(key, image);
    if (!content) {
      report(where, `lacks something of ${release}`, null, image.digest);
      repair.steps.push(
        planStep(`copy:${key}`, `copy ${image.name} of ${release} to ${placeOf(image)}`, { to: image.digest }),
      );
    }
    if (attached === 'all') continue;
    const remedies = {
      nothing: undefined,
      unsigned: canSign ? undefined : `dmrel reconcile --level ${level}, where the promoter's key is`,
      // A promoter's word is given by a gate alone.
      uncounted: `dmrel promote --level ${level} --release ${release}`,
    };
    report(where, `${missing[attached]} ${release}`, null, image.digest, remedies[attached]);
    if (remedies[attached] !== undefined) continue;
    const needs = content ? [] : [`copy:${key}`];
    repair.steps.push(
      planStep(`attest:${key}`, `attach what was verified to ${placeOf(image)}`, { to: image.digest, needs }),
    );
  }
  const content = repair.steps.map(({ id }) => id);
  for (const fact of tags) {
    const { image, tag, found, wanted } = fact;
    if (found === wanted) continue;
    const where = `${placeOf(image)}:${tag}`;
    report(where, found ? 'names something else' : 'is not there', found ?? null, wanted);
    const id = `tag:${level}/${tag}/${image.name}`;
    repair.tags.set(id, fact);
    repair.steps.push(tagStep(id, `tag ${where}`, found, wanted, content));
  }
  const stray = 'find out who made it; a promotion that was given up leaves such tags';
  for (const { where, digest } of strays) report(where, 'is in no record', digest ?? null, null, stray);
  for (const each of taken) {
    const { record, image } = each;
    const where = `${placeOf(image)}@${image.digest}`;
    report(where, `was taken away with ${record.name}, and has the promoter's signature still`, null, null);
    const id = `retract:${level}/${record.name}/${image.name}`;
    repair.taken.set(id, each);
    repair.steps.push(planStep(id, `take the promoter's signatures from ${placeOf(image)}`, { to: image.digest }));
  }
  if (upstream && repair.steps.length > 0) {
    for (const step of repair.steps) step.needs = [`claim:${level}`, ...(step.needs ?? [])];
    const needs = repair.steps.map(({ id }) => id);
    repair.steps.unshift(planStep(`claim:${level}`, `let nobody else change ${level}`, { to: upstream.name }));
    repair.steps.push(planStep(`release:${level}`, `give ${level} back`, { to: upstream.name, needs }));
  }
  return repair;
}

/** Drift as it is told: a finding of a dry run; where it is set right, no more than a warning. */
export function driftProblems(drift: readonly Drift[], dryRun: boolean): Problem[] {
  return drift.map(({ where, what, found, wanted, level, remedy }) => {
    const details = [found && `found ${found}`, wanted && found && `wanted ${wanted}`].filter(Boolean).join(', ');
    const message = `${where} ${what}${details === '' ? '' : ` (${details})`}`;
    if (dryRun) return problem('level-drift', message, { hint: remedy ?? `dmrel reconcile --level ${level}` });
    return warning('level-drift', message, remedy === undefined ? {} : { hint: remedy });
  });
}
