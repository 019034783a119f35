import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  emergencyStatement,
  evidenceFolder,
  parseSummary,
  promoterRole,
  readEvidence,
  type Signer,
  type Statement,
  sayTheSame,
  signerFor,
  statementType,
  verificationSummary,
} from '../evidence/index.ts';
import { chooseCandidate, type Level, openRegistry, requireLevel } from '../levels/index.ts';
import type { Step } from '../operation/index.ts';
import { type ImageRegistry, manifestsOf } from '../registry/index.ts';
import { lastWithdrawal, levelFile, type ReleaseRecord, releaseFile } from '../releases/index.ts';
import {
  type Digest,
  didYouMean,
  digestOf,
  failed,
  hexOf,
  type Instant,
  ok,
  parseDigest,
  problem,
  type Result,
} from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { bindLevelSteps } from './apply.ts';
import { afterRecords } from './clock.ts';
import { lookAtTarget } from './content.ts';
import { gateFacts } from './facts.ts';
import { evaluateGate, type GateDecision } from './gate.ts';
import { isProved } from './gate-standing.ts';
import { gatherLevel, imageFor, type LevelFacts, type LevelRequest } from './level-facts.ts';
import { type PromotedImage, type PromotionPlan, planPromotion } from './plan.ts';
import { namedStatements, openStatements } from './statements.ts';
import { recordProblems, uncommittedProblems } from './uncommitted.ts';

export interface PromotionRequest extends LevelRequest {
  release: string | undefined;
  /** These alone; all that are meant for the level without it. */
  images?: readonly string[];
  emergency?: { reason: string; ref: string };
  /** Where private keys may stand. */
  env: NodeJS.ProcessEnv;
}

export interface PreparedPromotion {
  plan: PromotionPlan;
  /** Who signs what was verified; nobody where no keys are trusted. */
  signer: Signer | undefined;
  /** Who answers for an emergency. */
  rescuer?: Signer;
  /** How the release was chosen, when nobody named it. */
  because?: string;
}

/** Gather the facts, ask the gate, and plan the promotion. Nothing is written. */
export async function preparePromotion(
  workspace: Workspace,
  request: PromotionRequest,
): Promise<Result<PreparedPromotion>> {
  const level = requireLevel(workspace, request.level, 'nothing can be promoted');
  if (!level.ok) return level;
  const candidate = await chooseCandidate(workspace, level.value, request.release);
  if (!candidate.ok) return candidate;
  const { record, because } = candidate.value;
  const gathered = await gatherLevel(workspace, request);
  if (!gathered.ok) return gathered;
  const { facts, problems } = afterRecords(gathered.value, [record]);
  const names = namedImages(level.value, request.images);
  if (!names.ok) return names;
  const images = names.value.flatMap((name) => imageFor(facts.level, facts.target, record, name) ?? []);
  const question = { level: onlyImages(facts.level, names.value), record, standing: facts.standing, now: request.now };
  const emergency = request.emergency && { ...request.emergency, by: facts.by, at: facts.now };
  const gate = await gateFacts(workspace, { ...question, ...(emergency ? { emergency } : {}) });
  if (!gate.ok) return gate;
  const decision = evaluateGate(gate.value);
  const summaries = await summariesOf(workspace, facts, images, decision);
  if (!summaries.ok) return summaries;
  const signed = await signedBefore(workspace, record, level.value.name, summaries.value);
  const signer = await signerFor(workspace, promoterRole(workspace.config, level.value.name), request.env);
  const files = [
    releaseFile(record.name),
    levelFile(level.value.name),
    ...namedStatements(level.value.name, [record], facts.standing),
  ];
  const plan = planPromotion({
    ...facts,
    record,
    images,
    unproved: gate.value.signed
      ? images.filter(({ digest }) => !isProved(gate.value, level.value.name, digest)).map(({ name }) => name)
      : [],
    unbuilt: names.value.filter((name) => !images.some((each) => each.name === name)),
    decision,
    found: await lookAtTarget(workspace, facts.target, images, record.name, level.value.name),
    summaries: summaries.value,
    signed,
    signs: workspace.config.trust !== undefined,
    ...(request.emergency ? { emergency: request.emergency } : {}),
    filesAreCommitted: await facts.repository.isCommitted(files),
  });
  plan.problems.push(...problems);
  // The policy in force is the committed one: the summary names it by its commit. And no commit of ours takes changes in.
  const lets = Object.keys(plan.details.summaries).length > 0;
  if (lets) plan.problems.push(...(await uncommittedProblems(workspace, facts.repository, level.value, record)));
  else if (plan.steps.some(({ id, action }) => id === 'commit' && action !== 'skip'))
    plan.problems.push(...(await recordProblems(workspace, facts.repository, level.value, record)));
  if (!signer.ok && plan.steps.some(({ id, action }) => id === 'sign' && action !== 'skip'))
    plan.problems.push(...signer.problems);
  const rescuer = plan.details.emergency ? await emergencySigner(workspace, facts, request.env) : ok(undefined);
  if (!rescuer.ok) plan.problems.push(...rescuer.problems);
  return ok({
    plan,
    ...(rescuer.ok && rescuer.value ? { rescuer: rescuer.value } : {}),
    signer: signer.ok ? signer.value : undefined,
    ...(because === undefined ? {} : { because }),
  });
}

/** Keys of one role may promote past the gate; nobody may where the level names none. */
async function emergencySigner(
  workspace: Workspace,
  { level }: LevelFacts,
  env: NodeJS.ProcessEnv,
): Promise<Result<Signer | undefined>> {
  if (!workspace.config.trust) return ok(undefined);
  const { emergency } = level.config;
  if (emergency !== undefined) return signerFor(workspace, emergency, env);
  const hint = `name the role that may in dmrel.yaml: 'emergency: ROLE' in ${level.name}`;
  return failed(problem('signer-missing', `nobody may promote past the gate of ${level.name}`, { hint }));
}

function namedImages(level: Level, names: readonly string[] | undefined): Result<string[]> {
  if (names === undefined) return ok(level.images);
  const unknown = names.find((name) => !level.images.includes(name));
  if (unknown === undefined) return ok(level.images.filter((name) => names.includes(name)));
  const hint = didYouMean(unknown, level.images) ?? `meant for it: ${level.images.join(', ')}`;
  return failed(problem('unknown-image', `no image '${unknown}' is meant for ${level.name}`, { hint }));
}

/** The level as if it were for some of its images alone. */
function onlyImages(level: Level, images: string[]): Level {
  const checks = level.checks.map((each) => ({ ...each, images: each.images.filter((name) => images.includes(name)) }));
  return { ...level, images, checks };
}

/** Statements that a decision rests on, by the digests of their files. */
function restsOn({ conditions }: GateDecision): Digest[] {
  const files = conditions.flatMap(({ evidence = [], waiver }) => [...evidence, ...(waiver ? [waiver] : [])]);
  const digests = files.flatMap(({ file }) => parseDigest(`sha256:${basename(file, '.json')}`) ?? []);
  return [...new Set(digests)].sort();
}

/** The image as it is asked for, and every image in it; told by the level's registry where the source is gone. */
async function subjectsOf(
  workspace: Workspace,
  target: ImageRegistry,
  { digest, from, to }: PromotedImage,
): Promise<Result<Digest[]>> {
  const source = openRegistry(workspace, from.registry);
  if (!source.ok) return source;
  const digests = await manifestsOf({ registry: source.value, repository: from.repository }, digest);
  if (digests.ok) return digests;
  const there = await manifestsOf({ registry: target, repository: to.repository }, digest);
  return there.ok ? there : digests;
}

const verifier = 'https://lsst.org/dmrel';

/** What a run that was killed had signed already: it says of the same images what is to be said now. */
async function signedBefore(
  workspace: Workspace,
  record: ReleaseRecord,
  level: string,
  summaries: Readonly<Record<string, Statement>>,
): Promise<Record<string, Digest>> {
  const ended = lastWithdrawal(record, level)?.at;
  const named = new Set((record.promotions ?? []).flatMap(({ statements = {} }) => Object.values(statements)));
  const { statements } = await readEvidence(workspace, record.name);
  const found: Record<string, Digest> = {};
  for (const [image, wanted] of Object.entries(summaries)) {
    const same = statements.findLast((each) => {
      const summary = parseSummary({ _type: statementType, ...each });
      return (
        summary?.passed &&
        !named.has(each.digest) &&
        (ended === undefined || summary.time > Date.parse(ended)) &&
        sayTheSame(each, wanted)
      );
    });
    if (same) found[image] = same.digest;
  }
  return found;
}

/** What will be said of each image, if its gate allows. */
async function summariesOf(
  workspace: Workspace,
  { level, repository, target, now }: LevelFacts,
  images: readonly PromotedImage[],
  decision: GateDecision,
): Promise<Result<Record<string, Statement>>> {
  const policy = {
    uri: `git:${(await repository.headCommit()) ?? ''}:dmrel.yaml`,
    digest: digestOf(await readFile(join(workspace.root, 'dmrel.yaml'))),
  };
  const inputs = restsOn(decision);
  const summaries: Record<string, Statement> = {};
  for (const image of images) {
    const { name, reference } = image;
    const digests = await subjectsOf(workspace, target, image);
    if (!digests.ok) return digests;
    const resource = reference.slice(0, reference.lastIndexOf('@'));
    const subjects = digests.value.map((digest) => ({ name: resource, digest: { sha256: hexOf(digest) } }));
    const said = { level: level.name, passed: true, at: now, verifier, resource, policy, inputs };
    summaries[name] = verificationSummary(subjects, said);
  }
  return ok(summaries);
}

/** The steps of a promotion with the code that does them: content by digest first, tags last, then the records. */
export async function bindPromotionSteps(
  workspace: Workspace,
  { plan, signer, rescuer }: PreparedPromotion,
): Promise<Result<Step[]>> {
  const { summaries, signed, records, emergency, owed, level, by } = plan.details;
  const { name } = records[0]!;
  const at = plan.at as Instant;
  const unsigned = { ...summaries };
  if (emergency) {
    const subjects = Object.values(summaries).flatMap(({ subject }) => subject);
    const texts = owed.map(({ text }) => text);
    unsigned[''] = emergencyStatement(subjects, { ...emergency, release: name, level, owed: texts, at, by });
  }
  const folder = evidenceFolder(name);
  const signers = { signer, ...(rescuer ? { whole: rescuer } : {}) };
  return bindLevelSteps(workspace, plan, openStatements({ workspace, folder, unsigned, signed, ...signers, at }));
}
