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
import {
  type LevelEntry,
  levelFile,
  type ReleaseRecord,
  readAllReleases,
  releaseFile,
  requireRelease,
  standingAt,
} from '../releases/index.ts';
import { type Digest, failed, hexOf, type Instant, ok, type Problem, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { bindLevelSteps, type Code, type CodeOf, tagCode } from './apply.ts';
import { afterRecords } from './clock.ts';
import { lookAtTarget } from './content.ts';
import { demoterRole, demotes } from './demoter.ts';
import { gatherLevel, type LevelFacts, type LevelRequest } from './level-facts.ts';
import { nothing, writeNothing } from './nothing.ts';
import type { FoundImage, PromotedImage } from './plan.ts';
import { namedStatements, openStatements } from './statements.ts';
import { planWithdrawal, type WithdrawalFacts, type WithdrawalPlan } from './withdraw-plan.ts';
import { isPromotedStill, isSaidAt, retractPromoted, type TakenImage } from './withdraw-signatures.ts';

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

interface Choice {
  withdrawn: ReleaseRecord[];
  restored: ReleaseRecord | undefined;
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
  const images = restored ? imagesAt(facts, restored) : [];
  const leaving = leavingImages(facts, withdrawn);
  const [about] = withdrawn as [ReleaseRecord];
  const found: Record<string, FoundImage> = {};
  for (const { name, to } of leaving) {
    const at = await target.resolve(to.repository, level.name);
    found[name] = { content: true, ...(at ? { level: at } : {}) };
  }
  if (restored) Object.assign(found, await lookAtTarget(workspace, target, images, restored.name, level.name));
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
  const signed = gone ? about.withdrawals?.findLast((each) => each.level === level.name)?.statement : before?.digest;
  const signer = statement ? await signerFor(workspace, demoterRole, request.env) : ok(undefined);
  const written = [...withdrawn.map(({ name }) => releaseFile(name)), levelFile(level.name)];
  const files = [...written, ...namedStatements(level.name, withdrawn, facts.standing)];
  const trusted = workspace.config.trust !== undefined;
  const plan = planWithdrawal({
    ...facts,
    ...{ kind, reason, withdrawn, leaving, found, nothing, statement, signed },
    restored: restored && { record: restored, images },
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
  const last = record.withdrawals?.findLast((each) => each.level === level.name);
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

/** What stands there now, and what it goes back to. Problem: `not-at-level`. */
async function chooseBack(
  workspace: Workspace,
  { standing, level }: LevelFacts,
  { to, reason }: WithdrawalRequest,
): Promise<Result<Choice>> {
  const { current, withheld = [] } = standing;
  const newest = withheld.reduce<(typeof withheld)[0] | undefined>(
    (left, right) => (left && left.at > right.at ? left : right),
    undefined,
  );
  const done = newest && (await requireRelease(workspace.root, newest.release));
  const last = done?.ok ? done.value.withdrawals?.findLast((each) => each.level === level.name) : undefined;
  const back = last?.kind === 'rollback' && last.to === current[0]?.release;
  // Run again, it goes no further: that is said with --to.
  if (done?.ok && back && (to === undefined ? last.reason === reason : to === last.to))
    return ok({ withdrawn: [done.value], restored: undefined });
  const [first] = current;
  if (!first) return nowhere(`nothing stands at ${level.name}`);
  const restored =
    to === undefined
      ? await before(workspace, level.name, current, level.config.keep !== undefined)
      : await stoodAt(workspace, level.name, to);
  if (!restored.ok) return restored;
  if (restored.value.name === first.release) return nowhere(`${first.release} is what stands at ${level.name}`);
  const index = current.findIndex(({ release }) => release === restored.value.name);
  const above = level.config.keep && index > 0 ? current.slice(0, index) : [first];
  const withdrawn: ReleaseRecord[] = [];
  for (const { release } of above) {
    const read = await requireRelease(workspace.root, release);
    if (!read.ok) return read;
    withdrawn.push(read.value);
  }
  return ok({ withdrawn, restored: restored.value });
}

/** What stood there before the newest, and was not taken away since. */
async function before(
  workspace: Workspace,
  level: string,
  [first, second]: LevelEntry[],
  keeps: boolean,
): Promise<Result<ReleaseRecord>> {
  if (keeps && second) return requireRelease(workspace.root, second.release);
  const { records, problems } = await readAllReleases(workspace.root);
  if (problems.length > 0) return failed(...problems);
  const stood = records.filter(({ name }) => name !== first?.release).filter((record) => standingAt(record, level));
  const came = (record: ReleaseRecord): string => {
    const { at, operation } = standingAt(record, level)!.promotions.at(-1)!;
    return `${at} ${operation}`;
  };
  const newest = stood.sort((left, right) => (came(left) < came(right) ? -1 : 1)).at(-1);
  if (newest) return ok(newest);
  const hint = `'dmrel demote' takes it away, and leaves nothing there`;
  return failed(problem('not-at-level', `nothing stood at ${level} before ${first?.release}`, { hint }));
}

async function stoodAt(workspace: Workspace, level: string, name: string): Promise<Result<ReleaseRecord>> {
  const record = await requireRelease(workspace.root, name);
  if (!record.ok || standingAt(record.value, level)) return record;
  const last = record.value.withdrawals?.findLast((each) => each.level === level);
  const message = last
    ? `${name} was taken away from ${level} at ${last.at}: ${last.reason}`
    : `${name} never stood at ${level}`;
  return failed(problem('not-at-level', message, { hint: `'dmrel release show ${name}' says where it stood` }));
}

/** The release that is not fit, and what stood there before it, where nothing else is left. */
async function chooseDemoted(
  workspace: Workspace,
  { standing, level }: LevelFacts,
  { release }: WithdrawalRequest,
): Promise<Result<Choice>> {
  const record = await requireRelease(workspace.root, release!);
  if (!record.ok) return record;
  const left = standing.current.filter((each) => each.release !== release);
  const said = record.value.withdrawals?.some((each) => each.level === level.name && each.kind === 'demote');
  // A run that was killed may have said it in the record, and not yet in the level's file.
  if (!said || standingAt(record.value, level.name)) {
    const stood = await stoodAt(workspace, level.name, release!);
    if (!stood.ok) return stood;
  }
  if (left.length === standing.current.length) return ok({ withdrawn: [record.value], restored: undefined });
  const next =
    left[0] && (level.config.keep || standing.current[0]?.release !== release)
      ? requireRelease(workspace.root, left[0].release)
      : before(workspace, level.name, standing.current, false);
  const restored = await next;
  if (restored.ok) return ok({ withdrawn: [record.value], restored: restored.value });
  const none = restored.problems.every(({ code }) => code === 'not-at-level');
  return none ? ok({ withdrawn: [record.value], restored: undefined }) : restored;
}

const nowhere = (message: string): Result<never> =>
  failed(problem('not-at-level', message, { hint: `'dmrel status' shows what stands where` }));

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
    const last = record.withdrawals?.findLast((each) => each.level === facts.level.name);
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

/** @internal also of a reconciliation */
export function retractCode(workspace: Workspace, target: ImageRegistry, taken: TakenImage): Code {
  return {
    isDone: async () => false,
    apply: async () => {
      const retracted = await retractPromoted(workspace, target, taken);
      if (retracted.ok) return { status: 'done' };
      const [first] = retracted.problems as [Problem];
      const { to, digest } = taken.image;
      const message = `the promoter's signatures are still at ${to.registry}/${to.repository}@${digest}: ${first.message}`;
      return { status: 'failed', problem: { ...first, message } };
    },
  };
}
