import { evidenceFolder, promoterRole, type Signer, signerFor } from '../evidence/index.ts';
import { openRegistry } from '../levels/index.ts';
import { parseReleaseName } from '../names/index.ts';
import { newOperationId, type Plan, type Step } from '../operation/index.ts';
import { repositoryAt } from '../registry/index.ts';
import { lastWithdrawal, type ReleaseRecord, readAllReleases, readRelease, standingAt } from '../releases/index.ts';
import { type Digest, failed, type Instant, instantOf, ok, type Problem, type Result } from '../support/index.ts';
import { need, type Workspace } from '../workspace/index.ts';
import { type Code, tagCode } from './apply.ts';
import { copyPromoted, lookAtTarget } from './content.ts';
import { openLease } from './lease.ts';
import { gatherLevel, type LevelFacts, levelsSharing } from './level-facts.ts';
import { nothing, writeNothing } from './nothing.ts';
import type { PromotedImage } from './plan.ts';
import { attachedAt, statementOf } from './reconcile-attached.ts';
import {
  type Drift,
  driftProblems,
  type LevelRepair,
  planRepair,
  type ReconcileFacts,
  type TagFact,
} from './reconcile-plan.ts';
import { digestIn, levelTags } from './standing.ts';
import { openStatements } from './statements.ts';
import { isPromotedStill, retractCode, type TakenImage } from './withdraw-signatures.ts';

export interface ReconcileRequest {
  /** All without it. */
  level: string | undefined;
  now: Date;
  takeOver: boolean;
  dryRun: boolean;
  env: NodeJS.ProcessEnv;
}

export type ReconcilePlan = Plan<{ drift: Drift[] }>;

interface RepairOfLevel {
  facts: LevelFacts;
  repair: LevelRepair;
  records: Map<string, ReleaseRecord>;
  /** The promoter's, where a key of its is at hand. */
  signer: Signer | undefined;
}

export interface PreparedReconcile {
  plan: ReconcilePlan;
  levels: RepairOfLevel[];
}

/** Compare the registries of levels with the records. Nothing is written. */
export async function prepareReconcile(
  workspace: Workspace,
  request: ReconcileRequest,
): Promise<Result<PreparedReconcile>> {
  const known = need(workspace, 'levels', 'there is nothing to reconcile');
  if (!known.ok) return known;
  const levels: RepairOfLevel[] = [];
  // What cannot be read is found where a tag or a level names it.
  const { records: all } = await readAllReleases(workspace.root);
  for (const level of request.level === undefined ? Object.keys(known.value) : [request.level]) {
    const gathered = await gatherLevel(workspace, { ...request, level });
    if (!gathered.ok) return gathered;
    const found = await signerFor(workspace, promoterRole(workspace.config, level), request.env);
    const signer = found.ok ? found.value : undefined;
    const looked = await lookAtLevel(workspace, gathered.value, signer !== undefined);
    if (!looked.ok) return looked;
    const { facts, records } = looked.value;
    const repair = planRepair({ ...facts, taken: await takenImages(workspace, gathered.value, all) });
    levels.push({ facts: gathered.value, repair, records, signer });
  }
  const drift = levels.flatMap(({ repair }) => repair.drift);
  const plan: ReconcilePlan = {
    schema: 'dmrel/plan/v1',
    operation: newOperationId(request.now),
    command: 'reconcile',
    release: request.level ?? 'all levels',
    at: instantOf(request.now),
    steps: levels.flatMap(({ repair }) => repair.steps),
    problems: driftProblems(drift, request.dryRun),
    details: { drift },
  };
  return ok({ plan, levels });
}

async function lookAtLevel(
  workspace: Workspace,
  facts: LevelFacts,
  canSign: boolean,
): Promise<Result<{ facts: Omit<ReconcileFacts, 'taken'>; records: Map<string, ReleaseRecord> }>> {
  const { level, standing: written, target, upstream } = facts;
  const records = new Map<string, ReleaseRecord>();
  const problems: Problem[] = [];
  const recordOf = async (name: string): Promise<ReleaseRecord | undefined> => {
    if (records.has(name)) return records.get(name);
    const read = await readRelease(workspace.root, name);
    if (!read.ok) problems.push(...read.problems);
    else if (read.value) records.set(name, read.value);
    return read.ok ? read.value : undefined;
  };
  const standing: ReconcileFacts['standing'] = [];
  const tags: TagFact[] = [];
  const images = new Map<string, PromotedImage>();
  for (const { release, images: references } of written.current) {
    const record = await recordOf(release);
    const own = Object.entries(references).map(([name, reference]) => imageAt(facts, record, name, reference));
    const found = await lookAtTarget(workspace, target, own, release, level.name);
    for (const image of own) {
      images.set(image.name, images.get(image.name) ?? image);
      const attached = await attachedAt(workspace, facts, record, image);
      if (!attached.ok) return attached;
      standing.push({ release, image, content: found[image.name]!.content, attached: attached.value });
      tags.push({ image, tag: release, found: found[image.name]!.release, wanted: image.digest });
    }
  }
  const strays: ReconcileFacts['strays'] = [];
  const sharing = levelsSharing(workspace, level.name);
  const wanted = levelTags(written);
  const present = new Map(written.current.map((entry) => [entry.release as string, entry]));
  for (const name of new Set([...level.images, ...images.keys()])) {
    const image =
      images.get(name) ?? imageAt(facts, undefined, name, `${repositoryAt(target.address, name)}@${nothing}`);
    const at = await target.resolve(image.to.repository, level.name);
    if (wanted.has(name) || at !== undefined)
      tags.push({ image, tag: level.name, found: at, wanted: wanted.get(name) ?? nothing });
    const recommended = written.recommended && present.get(written.recommended)?.images[name];
    if (recommended) {
      const there = await target.resolve(image.to.repository, 'recommended');
      tags.push({ image, tag: 'recommended', found: there, wanted: digestIn(recommended) });
    }
    for (const tag of await target.listTagNames(image.to.repository)) {
      if (!parseReleaseName(tag) || present.has(tag)) continue;
      const record = await recordOf(tag);
      const there = record?.promotions?.filter((each) => sharing.includes(each.level) && each.images[name]) ?? [];
      const promoted = there.findLast((each) => each.level === level.name);
      if (!promoted && there.length > 0) continue; // it is of another level in the same place
      const digest = await target.resolve(image.to.repository, tag);
      const former = promoted?.images[name];
      if (!former) strays.push({ where: `${image.to.registry}/${image.to.repository}:${tag}`, digest });
      else if (digest !== former && (await target.hasManifest(image.to.repository, former)))
        tags.push({ image, tag, found: digest, wanted: former });
    }
  }
  if (problems.length > 0) return failed(...problems);
  return ok({ facts: { level: level.name, upstream, standing, canSign, tags, strays }, records });
}

/** Images of releases that are not fit for the level, with something of its promoter all the same. */
async function takenImages(
  workspace: Workspace,
  facts: LevelFacts,
  all: readonly ReleaseRecord[],
): Promise<TakenImage[]> {
  const { level, standing, target } = facts;
  const found: TakenImage[] = [];
  for (const record of all) {
    const last = lastWithdrawal(record, level.name);
    if (last?.kind !== 'demote' || standingAt(record, level.name)) continue;
    for (const [name, digest] of Object.entries(last.images)) {
      const image = imageAt(facts, record, name, `${repositoryAt(target.address, name)}@${digest}`);
      const taken = { level: level.name, standing, record, image };
      const still = await isPromotedStill(workspace, target, taken);
      // Where nobody can tell, who is to take it away says why.
      if (!still.ok || still.value) found.push(taken);
    }
  }
  return found;
}

/** An image as the level's record names it, and where it came from. */
function imageAt(
  { level }: LevelFacts,
  record: ReleaseRecord | undefined,
  name: string,
  reference: string,
): PromotedImage {
  const digest = digestIn(reference);
  const to = { registry: level.config.registry, repository: name };
  const built = record?.images?.[name];
  const slash = built?.repository.indexOf('/') ?? -1;
  const own = built?.digest === digest;
  const from = own ? { registry: built.repository.slice(0, slash), repository: built.repository.slice(slash + 1) } : to;
  return { name, digest, from, to, reference };
}

/** The steps of a reconciliation with the code that does them. */
export async function bindReconcileSteps(
  workspace: Workspace,
  { plan, levels }: PreparedReconcile,
  { takeOver }: Pick<ReconcileRequest, 'takeOver'>,
): Promise<Result<Step[]>> {
  const steps: Step[] = [];
  for (const { facts, repair, records, signer } of levels) {
    const { level, lane, by, repository } = facts;
    const target = openRegistry(workspace, level.config.registry);
    if (!target.ok) return target;
    const request = { level: level.name, lane, by, takeOver, operation: plan.operation, at: facts.now };
    const lease = openLease(repository, { ...request, purpose: 'reconcile' });
    const rest = (id: string) => id.slice(id.indexOf(':') + 1);
    const code: Record<string, (id: string) => Code> = {
      claim: () => ({ isDone: async () => false, apply: () => lease.take() }),
      release: () => ({ isDone: async () => false, apply: () => lease.drop() }),
      copy: (id) => ({
        isDone: async () => false,
        apply: (signal) => copyPromoted(workspace, target.value, repair.images.get(rest(id))!, signal),
      }),
      attest: (id) => {
        const image = repair.images.get(rest(id))!;
        const record = records.get(rest(id).split('/')[1]!)!;
        const signed = { [image.name]: statementOf(record, level.name, image.name)! };
        return attestCode(workspace, target.value, image, record, signed, signer);
      },
      retract: (id) => retractCode(workspace, target.value, repair.taken.get(id)!),
      tag: (id) => {
        const { image, tag, wanted } = repair.tags.get(id)!;
        const place = { to: image.to, digest: wanted };
        const tags = tagCode(target.value, lease, place, tag);
        if (wanted !== nothing) return tags;
        const apply: Code['apply'] = async (signal) => {
          const written = await writeNothing(target.value, image.to.repository);
          return written.ok ? tags.apply(signal) : { status: 'failed', problem: written.problems[0]! };
        };
        return { ...tags, apply };
      },
    };
    for (const planned of repair.steps) steps.push({ ...planned, ...code[planned.id.split(':')[0]!]!(planned.id) });
  }
  return ok(steps);
}

/** What was signed then is attached again; who has no key of the promoter leaves the image's own signature to who has. */
function attestCode(
  workspace: Workspace,
  target: Parameters<typeof copyPromoted>[1],
  image: PromotedImage,
  record: ReleaseRecord,
  signed: Record<string, Digest>,
  signer: Signer | undefined,
): Code {
  const at = record.created.at as Instant;
  const folder = evidenceFolder(record.name);
  const statements = openStatements({ workspace, folder, unsigned: {}, signed, signer, at });
  return { isDone: async () => false, apply: () => statements.attach(target, image, signer !== undefined) };
}
