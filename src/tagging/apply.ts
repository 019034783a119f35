import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRemote, openRepository, openSigner, type Repository, type SignatureFormat } from '../git/index.ts';
import type { Outcome, Step } from '../operation/index.ts';
import { type Product, readProductIndex } from '../products/index.ts';
import { commitRecord, formatRelease, pushRecords, readRelease, releaseFile, writeRelease } from '../releases/index.ts';
import { type Instant, ok, problem, type Result } from '../support/index.ts';
import { transportsOf, type Workspace } from '../workspace/index.ts';
import { claimRelease, heldClaim } from './claim.ts';
import { type PlannedTag, plannedTagObject, recordOf, stepId, type TagPlan } from './plan.ts';
import { compareTags } from './verify.ts';
import { isAstray, workspaceTag } from './workspace-tag.ts';

export interface BoundSteps {
  steps: Step[];
  /** Take away what was only needed on the way. */
  cleanUp(): Promise<void>;
}

type Code = Pick<Step, 'isDone' | 'apply'>;

/** The steps of a plan with the code that does them. Each looks at the world to see whether it is done already. */
export async function bindTagSteps(
  workspace: Workspace,
  plan: TagPlan,
  options: { signal: AbortSignal; jobsPerHost: number; sign?: SignatureFormat },
): Promise<Result<BoundSteps>> {
  const { root, config } = workspace;
  const index = await readProductIndex(root, config.products!.index, transportsOf(config));
  if (!index.ok) return index;
  const opened = await openRepository(root);
  if (!opened.ok) return opened;
  const repository = opened.value;
  const scratch = await mkdtemp(join(tmpdir(), 'dmrel-tag-'));
  const { products } = index.value;
  const code: Record<string, Code> = {
    claim: { isDone: async () => false, apply: () => claimRelease(repository, plan, hostname()) },
    verify: verifyStep(plan, products, false, options),
    'verify-auxiliary': verifyStep(plan, products, true, options),
    ...recordSteps(root, repository, plan, options),
  };
  const steps = plan.steps.map((planned): Step => {
    const product = planned.id.startsWith(stepId('')) ? products.get(planned.id.slice(stepId('').length)) : undefined;
    const move = planned.action === 'move' ? planned.from! : undefined;
    const bound = product ? tagStep(plan, product, scratch, move) : code[planned.id]!;
    return { ...planned, ...bound, isDone: planned.action === 'skip' ? async () => true : bound.isDone };
  });
  return ok({ steps, cleanUp: () => rm(scratch, { recursive: true, force: true }) });
}

function recordSteps(
  root: string,
  repository: Repository,
  plan: TagPlan,
  { sign, signal }: { sign?: SignatureFormat; signal: AbortSignal },
): Record<string, Code> {
  const { tag, tagger } = plan.details;
  const file = releaseFile(tag);
  const own = workspaceTag(tag, Object.keys(plan.details.products).length, tagger, plan.at as Instant);
  /** Who made it first, and what was built or promoted since, stays in the record. */
  const wanted = async () => {
    const found = await readRelease(root, tag);
    const { created, images, promotions, withdrawals } = (found.ok && found.value) || {};
    return {
      ...recordOf(plan),
      ...(created ? { created } : {}),
      ...(images ? { images } : {}),
      ...(promotions ? { promotions } : {}),
      ...(withdrawals ? { withdrawals } : {}),
    };
  };
  return {
    record: {
      isDone: async () => {
        const text = await readFile(join(root, file), 'utf8').catch(() => undefined);
        return text !== undefined && text === (await formatRelease(await wanted()));
      },
      apply: async () => {
        await writeRelease(root, await wanted());
        return { status: 'done' };
      },
    },
    commit: {
      isDone: () => repository.isCommitted([file]),
      apply: () => commitRecord(repository, [file], `Tag ${tag}`, { operation: plan.operation, release: tag }),
    },
    'workspace-tag': {
      isDone: async () => {
        const found = await repository.tagAt(tag);
        return found !== undefined && !(await isAstray(repository, found, own));
      },
      apply: async () => {
        const commit = await repository.headCommit();
        if (!commit) return { status: 'failed', problem: problem('step-failed', 'the workspace has no commit to tag') };
        const found = await repository.tagAt(tag);
        const astray = found !== undefined && (await isAstray(repository, found, own));
        const gone = astray ? await repository.deleteTag(tag, found.object) : undefined;
        if (gone && !gone.ok) return { status: 'failed', problem: gone.problems[0]! };
        const signer = sign && (await openSigner(root, sign, { signal }));
        if (signer && !signer.ok) return { status: 'failed', problem: signer.problems[0]! };
        const made = await repository.createTag({ ...own, commit, ...(signer ? { signer: signer.value } : {}) });
        return made.ok ? { status: 'done' } : { status: 'failed', problem: made.problems[0]! };
      },
    },
    push: {
      isDone: async () => false,
      apply: async () => {
        const record = await readRelease(root, tag);
        const maker = record.ok ? record.value?.created.operation : undefined;
        const held = await heldClaim(repository, tag, [plan.operation, maker]);
        if (!held.ok) return { status: 'failed', problem: held.problems[0]!, retry: true };
        // A clone without tags has not even that of a release which is at the upstream.
        const isHere = (await repository.tagAt(tag)) !== undefined;
        return pushRecords(repository, isHere ? tag : undefined, held.value);
      },
    },
  };
}

function tagStep(plan: TagPlan, product: Product, scratch: string, from?: string): Code {
  const planned = plan.details.products[product.name]!;
  const remote = openRemote(product.url); // begun, it is finished: an interruption is for what comes after it
  return {
    // The plan has looked a moment ago; a tag that came since is found by the push itself.
    isDone: async () => false,
    apply: async (): Promise<Outcome> => {
      const object = plannedTagObject(plan.details, planned, plan.at as Instant);
      const fallbackRef = product.ref === undefined ? 'HEAD' : `refs/heads/${product.ref}`;
      const request = {
        scratch: join(scratch, product.name),
        tag: planned.tag,
        commit: planned.commit,
        object,
        fallbackRef,
      };
      const outcome = await (from === undefined
        ? remote.createTag(request)
        : remote.moveTag({ ...request, from: from as PlannedTag['object'] }));
      switch (outcome.status) {
        case 'created':
        case 'moved':
          return { status: 'done' };
        case 'in-sync':
          return { status: 'in-sync' };
        case 'conflict': {
          const message = `${product.name}: somebody made ${planned.tag} there just now, as ${outcome.found.slice(0, 12)}`;
          return {
            status: 'failed',
            problem: problem('tag-conflict', message, { hint: 'look at it, then run again' }),
          };
        }
        case 'absent': {
          const message = `${product.name}: somebody took ${planned.tag} away there just now`;
          return { status: 'failed', problem: problem('tag-conflict', message, { hint: 'run again' }) };
        }
        case 'failed': {
          const { message, ...rest } = outcome.problem;
          const { retryAfterSeconds } = outcome;
          const after = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
          return {
            status: 'failed',
            problem: { ...rest, message: `${product.name}: ${message}` },
            retry: outcome.retryable,
            ...after,
          };
        }
        default:
          return outcome satisfies never;
      }
    },
  };
}

/** Ask the remotes again: what was written is what counts, not what was answered. */
function verifyStep(
  plan: TagPlan,
  products: ReadonlyMap<string, Product>,
  auxiliary: boolean,
  look: { signal: AbortSignal; jobsPerHost: number },
): Code {
  return {
    isDone: async () => false,
    apply: async () => {
      const wanted = Object.fromEntries(
        Object.entries(plan.details.products).filter(([, planned]) => planned.auxiliary === auxiliary),
      );
      const { results, problems } = await compareTags(wanted, products, { ...look, looked: () => {} });
      const wrong = results.filter(({ state }) => state !== 'ok');
      if (wrong.length === 0 && problems.length === 0) return { status: 'done' };
      if (wrong.length === 0) return { status: 'failed', problem: problems[0]!, retry: true };
      const names = wrong.map(({ product, state }) => `${product} (${state})`).join(', ');
      const hint = 'somebody changed them in the same moment; look at them, then run the same command again';
      return { status: 'failed', problem: problem('tag-unverified', `not as they were written: ${names}`, { hint }) };
    },
  };
}
