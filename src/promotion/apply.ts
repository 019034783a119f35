import { openRepository, type Repository } from '../git/index.ts';
import { openRegistry, requireLevel } from '../levels/index.ts';
import type { Outcome, PlannedStep, Step } from '../operation/index.ts';
import type { ImageRegistry } from '../registry/index.ts';
import { commitRecord, levelFile, pushRecords, releaseFile, writeLevel, writeRelease } from '../releases/index.ts';
import { type Digest, ok, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { copyPromoted, verifyPromoted } from './content.ts';
import { type LevelLease, openLease } from './lease.ts';
import type { LevelPlan } from './level-plan.ts';
import type { PromotedImage } from './plan.ts';
import { namedStatements, type Statements, withHoldStatements, withStatements } from './statements.ts';

export type Code = Pick<Step, 'isDone' | 'apply'>;

/** The code of a planned step about an image; of a step about none, the image is not there. */
export type CodeOf = (image: PromotedImage, planned: PlannedStep) => Code;

/** What the steps of one command share. */
export interface Hands {
  workspace: Workspace;
  repository: Repository;
  /** The level's registry. */
  target: ImageRegistry;
  lease: LevelLease;
  statements: Statements;
}

/**
 * The steps of a change of a level with the code that does them: content by digest first, tags last, then the records.
 * @param more code for steps that this command alone has, by the word before the colon
 */
export async function bindLevelSteps(
  workspace: Workspace,
  plan: LevelPlan,
  statements: Statements,
  more: (hands: Hands) => Record<string, CodeOf> = () => ({}),
): Promise<Result<Step[]>> {
  const level = requireLevel(workspace, plan.details.level, 'nothing can be changed there');
  if (!level.ok) return level;
  const target = openRegistry(workspace, level.value.config.registry);
  if (!target.ok) return target;
  const opened = await openRepository(workspace.root);
  if (!opened.ok) return opened;
  const repository = opened.value;
  const { level: name, lane, by, takeOver } = plan.details;
  const purpose = `${plan.command} ${plan.release}`;
  const lease = openLease(repository, {
    ...{ level: name, lane, by, takeOver, purpose, operation: plan.operation },
    at: plan.at as never,
  });
  const hands: Hands = { workspace, repository, target: target.value, lease, statements };
  const code = { ...commonCode(plan, hands), ...more(hands) };
  return ok(
    plan.steps.map((planned): Step => {
      const [kind, image] = planned.id.split(':') as [string, string | undefined];
      const bound = code[kind]!(plan.details.images.find((each) => each.name === image)!, planned);
      return { ...planned, ...bound, isDone: planned.action === 'skip' ? async () => true : bound.isDone };
    }),
  );
}

const always = async (): Promise<boolean> => false;

function commonCode(plan: LevelPlan, hands: Hands): Record<string, CodeOf> {
  const { workspace, repository, target, lease, statements } = hands;
  const { level, standing, subject } = plan.details;
  const records = () => plan.details.records.map((record) => withStatements(record, plan.operation, statements.made));
  const tagOf = (tag: string) => (image: PromotedImage) => tagCode(target, lease, image, tag);
  return {
    claim: () => ({ isDone: always, apply: () => lease.take() }),
    copy: (image) => ({ isDone: always, apply: (signal) => copyPromoted(workspace, target, image, signal) }),
    verify: (image) => ({ isDone: always, apply: () => verifyPromoted(workspace, target, image) }),
    sign: () => ({ isDone: always, apply: () => statements.write() }),
    attest: (image) => ({ isDone: always, apply: () => statements.attach(target, image, true) }),
    tag: tagOf(plan.release),
    level: tagOf(level),
    recommended: tagOf('recommended'),
    record: () => ({
      isDone: always,
      apply: async () => {
        // The level's file is what deployments read: it is written when the release's own record says why.
        for (const record of records()) await writeRelease(workspace.root, record);
        await writeLevel(workspace.root, withHoldStatements(standing, plan, statements.made.get('')));
        return { status: 'done' };
      },
    }),
    commit: () => ({
      isDone: always,
      apply: () => {
        const written = records().map(({ name }) => releaseFile(name));
        const named = namedStatements(level, records(), standing);
        const files = [...new Set([...written, levelFile(level), ...statements.files(), ...named])];
        const release = plan.details.records.length > 0 ? { release: plan.release } : {};
        return commitRecord(repository, files, subject, { operation: plan.operation, level, ...release });
      },
    }),
    push: () => ({
      isDone: always,
      apply: async () => {
        const held = await lease.held();
        return held.ok
          ? pushRecords(repository, undefined, held.value)
          : { status: 'failed', problem: held.problems[0]! };
      },
    }),
    release: () => ({ isDone: always, apply: () => lease.drop() }),
  };
}

/** Let a tag name an image, and look whether it does. */
export function tagCode(
  target: ImageRegistry,
  lease: LevelLease,
  { to, digest }: { to: { repository: string }; digest: Digest },
  tag: string,
): Code {
  return {
    isDone: async () => (await target.resolve(to.repository, tag)) === digest,
    apply: async (): Promise<Outcome> => {
      const kept = await lease.confirm();
      if (!kept.ok) return { status: 'failed', problem: kept.problems[0]! };
      const tagged = await target.tag(to.repository, tag, digest);
      if (!tagged.ok) return { status: 'failed', problem: tagged.problems[0]! };
      const found = await target.resolve(to.repository, tag);
      if (found === digest) return { status: 'done' };
      return { status: 'failed', problem: problem('image-conflict', `${to.repository}:${tag} reads back as ${found}`) };
    },
  };
}
