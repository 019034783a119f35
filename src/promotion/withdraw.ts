import {
  evidenceFolder,
  readEvidence,
  type Signer,
  sayTheSame,
  signerFor,
  withdrawalStatement,
} from '../evidence/index.ts';
import type { Step } from '../operation/index.ts';
import { type ImageRegistry, repositoryAt } from '../registry/index.ts';
import { lastWithdrawal, levelFile, type ReleaseRecord, releaseFile, standingAt } from '../releases/index.ts';
import { type Digest, hexOf, type Instant, ok, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { bindLevelSteps, type Code, type CodeOf, tagCode } from './apply.ts';
import { afterRecords } from './clock.ts';
import { lookAtTarget } from './content.ts';
import { demoterRole, demotes } from './demoter.ts';
import { gatherLevel, type LevelFacts, type LevelRequest } from './level-facts.ts';
import { nothing, writeNothing } from './nothing.ts';
import type { FoundImage, PromotedImage } from './plan.ts';
import { namedStatements, openStatements } from './statements.ts';
import { chooseBack, chooseDemoted, chooseRest } from './withdraw-choice.ts';
import { planWithdrawal, type WithdrawalFacts, type WithdrawalPlan } from './withdraw-plan.ts';
import { isPromotedStill, isSaidAt, retractCode } from './withdraw-signatures.ts';

export interface WithdrawalRequest extends LevelRequest {
  kind: 'rollback' | 'demote';
  /** Of a demotion: what is taken away. */
  release?: string;
  /** Of a rollback: what is to stand there; what stood there before without it. */
  to?: string;
  reason: string;
  env: NodeJS.ProcessEnv;
}

export interface PreparedWithdrawal {
  plan: WithdrawalPlan;
  /** Undefined where nothing is signed. */
  signer: Signer | undefined;
}

/** Look, and decide what is taken away from a level and what stands there then. Nothing is written. */
export async function prepareWithdrawal(
  workspace: Workspace,
  request: WithdrawalRequest,
): Promise<Result<PreparedWithdrawal>> {
  const gathered = await gatherLevel(workspace, request);
  if (!gathered.ok) return gathered;
  const chosen =
    request.kind === 'rollback'
      ? await chooseBack(workspace, gathered.value, request)
      : await chooseDemoted(workspace, gathered.value, request);
  if (!chosen.ok) return chosen;
  const { withdrawn, restored } = chosen.value;
  const { facts, problems } = afterRecords(gathered.value, withdrawn);
  const { level, target } = facts;
  const others = await chooseRest(workspace, facts, chosen.value);
  if (!others.ok) return others;
  const rest = others.value.map(({ record, names }) => {
    return { record, images: imagesAt(facts, record).filter(({ name }) => names.includes(name)) };
  });
  const images = restored ? imagesAt(facts, restored) : [];
  const leaving = leavingImages(facts, withdrawn);
  const [about] = withdrawn as [ReleaseRecord];
  const found: Record<string, FoundImage> = {};
  for (const { name, to } of leaving) {
    const at = await target.resolve(to.repository, level.name);
    found[name] = { content: true, ...(at ? { level: at } : {}) };
  }
  for (const each of [...(restored ? [{ record: restored, images }] : []), ...rest])
    Object.assign(found, await lookAtTarget(workspace, target, each.images, each.record.name, level.name));
  const { reason, kind } = request;
  const subjects = leaving.map(({ digest, reference }) => {
    return { name: reference.slice(0, reference.lastIndexOf('@')), digest: { sha256: hexOf(digest) } };
  });
  const to = restored ? { to: restored.name } : {};
  const said = { release: about.name, level: level.name, kind, reason, ...to, at: facts.now, by: facts.by };
  const statement = demotes(workspace) && subjects.length > 0 ? withdrawalStatement(subjects, said) : undefined;
  const { statements } = await readEvidence(workspace, about.name);
  // What the record says and the level's file does not is what a killed run was at: its statement is this one.
  const half = !standingAt(about, level.name) && facts.standing.current.some(({ release }) => release === about.name);
  const whole = (about.withdrawals ?? []).slice(0, half ? -1 : undefined);
  const named = new Set(whole.map((each) => each.statement));
  const before = statement && statements.find((each) => sayTheSame(each, statement) && !named.has(each.digest));
  const gone = standingAt(about, level.name) === undefined && !half;
  const signed = gone ? lastWithdrawal(about, level.name)?.statement : before?.digest;
  const signer = statement ? await signerFor(workspace, demoterRole, request.env) : ok(undefined);
  const written = [...withdrawn.map(({ name }) => releaseFile(name)), levelFile(level.name)];
  const files = [...written, ...namedStatements(level.name, withdrawn, facts.standing)];
  const trusted = workspace.config.trust !== undefined;
  const plan = planWithdrawal({
    ...facts,
    ...{ kind, reason, withdrawn, leaving, found, nothing, statement, signed },
    restored: restored && { record: restored, images },
    rest,
    retracts: trusted && kind === 'demote',
    unfinished: await unfinished(workspace, facts, about, leaving),
    signs: trusted && kind === 'demote',
    filesAreCommitted: await facts.repository.isCommitted(files),
    elsewhere: Object.keys(workspace.config.levels ?? {}).filter(
      (other) => other !== level.name && standingAt(about, other) !== undefined,
    ),
  });
  plan.problems.push(...problems);
  if (!signer.ok && plan.steps.some(({ id, action }) => id === 'sign' && action !== 'skip'))
    plan.problems.push(...signer.problems);
  return ok({ plan, signer: signer.ok ? signer.value : undefined });
}

/** What of a withdrawal that is recorded has not come to the registry; where nobody can tell, it has not. */
async function unfinished(
  workspace: Workspace,
  { level, standing, target }: LevelFacts,
  record: ReleaseRecord,
  images: readonly PromotedImage[],
): Promise<WithdrawalFacts['unfinished']> {
  const found = { promoted: new Set<string>(), unsaid: new Set<string>() };
  const last = lastWithdrawal(record, level.name);
  if (!workspace.config.trust || !last || standingAt(record, level.name)) return found;
  for (const image of images) {
    const taken = { level: level.name, standing, record, image };
    const still = last.kind === 'demote' ? await isPromotedStill(workspace, target, taken) : ok(false);
    if (!still.ok || still.value) found.promoted.add(image.name);
    const said = last.statement ? await isSaidAt(workspace, target, record, last.statement, image) : ok(true);
    if (!said.ok || !said.value) found.unsaid.add(image.name);
  }
  return found;
}

/** What of a release stands at a level, by the digests that went there. */
function imagesAt({ level, target }: LevelFacts, record: ReleaseRecord): PromotedImage[] {
  const { images = {} } = standingAt(record, level.name) ?? {};
  return Object.entries(images).map(([name, digest]) => {
    const built = record.images?.[name];
    const to = { registry: level.config.registry, repository: name };
    const slash = built?.repository.indexOf('/') ?? -1;
    const from =
      built?.digest === digest
        ? { registry: built.repository.slice(0, slash), repository: built.repository.slice(slash + 1) }
        : to;
    return { name, digest, from, to, reference: `${repositoryAt(target.address, name)}@${digest}` };
  });
}

/** Of several releases that leave, each repository once. */
function leavingImages(facts: LevelFacts, withdrawn: readonly ReleaseRecord[]): PromotedImage[] {
  const images = new Map<string, PromotedImage>();
  const leaving = (record: ReleaseRecord) => {
    const stands = standingAt(record, facts.level.name);
    const last = lastWithdrawal(record, facts.level.name);
    return stands
      ? imagesAt(facts, record)
      : imagesAt(facts, { ...record, withdrawals: [], promotions: last ? [last] : [] });
  };
  for (const record of withdrawn)
    for (const image of leaving(record)) if (!images.has(image.name)) images.set(image.name, image);
  return [...images.values()];
}

export async function bindWithdrawalSteps(
  workspace: Workspace,
  { plan, signer }: PreparedWithdrawal,
): Promise<Result<Step[]>> {
  const { statement, signed, leaving, withdrawn, records, standing } = plan.details;
  const statements = openStatements({
    workspace,
    folder: evidenceFolder(withdrawn[0]!),
    copies: withdrawn.slice(1).map(evidenceFolder),
    unsigned: statement ? { '': statement } : {},
    signed: signed ? { '': signed } : {},
    signer,
    at: plan.at as Instant,
  });
  const named = (id: string) => leaving.find(({ name }) => name === id.slice(id.indexOf(':') + 1))!;
  return bindLevelSteps(workspace, plan, statements, ({ target, lease }) => {
    const level: CodeOf = (image, planned) => {
      const place = { to: (image ?? named(planned.id)).to, digest: planned.to as Digest };
      const code = tagCode(target, lease, place, plan.details.level);
      return planned.to === nothing
        ? { ...code, apply: async (signal) => prepareNothing(target, place, code, signal) }
        : code;
    };
    return {
      level,
      retract: (_image, planned) => {
        const taken = { level: plan.details.level, standing, record: records[0]!, image: named(planned.id) };
        return retractCode(workspace, target, taken);
      },
      attest: (_image, planned) => ({
        isDone: async () => false,
        apply: async () => {
          const { to, digest } = named(planned.id);
          // Who asks for what is not there is told no.
          if (!(await target.hasManifest(to.repository, digest))) return { status: 'in-sync' };
          return statements.attach(target, named(planned.id), false);
        },
      }),
    };
  });
}

async function prepareNothing(
  target: ImageRegistry,
  { to }: { to: { repository: string } },
  code: Code,
  signal: AbortSignal,
): ReturnType<Code['apply']> {
  const written = await writeNothing(target, to.repository);
  return written.ok ? code.apply(signal) : { status: 'failed', problem: written.problems[0]! };
}
