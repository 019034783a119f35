import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { surveyEngines } from '../building/index.ts';
import { gitVersion, openRemote, openRepository, openSigner, tagObject } from '../git/index.ts';
import { newOperationId } from '../operation/index.ts';
import { type Product, readProductIndex } from '../products/index.ts';
import {
  count,
  epochSeconds,
  errorsOf,
  failed,
  instantOf,
  ok,
  type Problem,
  problem,
  type Result,
} from '../support/index.ts';
import { askRemotes, behindUpstream } from '../tagging/index.ts';
import { validateWorkspace } from '../validation/index.ts';
import { openWorkspace, transportsOf, type Workspace } from '../workspace/index.ts';
import { lookAtKeys } from './keys.ts';

/** One thing that was looked at. */
export interface Finding {
  /** What: `git`, `identity`, `workspace`, `upstream`, `remotes`, `push`, `signing`, `engine docker`, `image stack`. */
  /** What: `git`, `identity`, `workspace`, `upstream`, `remotes`, `push`, `signing`, `keys`. */
  what: string;
  sound: boolean;
  says: string;
  problems: Problem[];
}

export interface Diagnosis {
  findings: Finding[];
}

export interface DoctorRequest {
  cwd: string;
  env: NodeJS.ProcessEnv;
  nodeVersion: string;
  /** Try whether tags may be pushed: one is made in each repository and taken away again. */
  push: boolean;
  now: Date;
  signal: AbortSignal;
  jobsPerHost: number;
}

/** The first that takes its configuration from the environment (GIT_CONFIG_COUNT). */
const oldestGit = '2.31.0';

/**
 * Look at everything that a release needs and that can be missing: programs, who you are, the workspace, its upstream,
 * every remote; with `push`, whether tags may be made there, which only trying tells: `git push --dry-run` says yes
 * where a server's rules then refuse.
 */
export async function diagnose(request: DoctorRequest): Promise<Diagnosis> {
  const findings: Finding[] = [{ what: 'node', sound: true, says: request.nodeVersion, problems: [] }];
  findings.push(await lookAtGit());
  const validation = await validateWorkspace(request.cwd, request.env);
  const { milestones, features, products, releases } = validation.counts;
  const read = `${count(milestones, 'milestone')}, ${count(features, 'feature')}, ${count(products, 'product')}, ${count(releases, 'release record')}`;
  const faults = errorsOf(validation.problems);
  findings.push(finding('workspace', faults.length === 0 ? `valid: ${read}` : count(faults.length, 'error'), faults));
  const opened = await openWorkspace(request.cwd, request.env);
  if (!opened.ok) return { findings };
  const workspace = opened.value;
  findings.push(...(await lookAtRepository(workspace)));
  const keys = await lookAtKeys(workspace, request.env, request.now);
  findings.push(finding('keys', keys.says, keys.problems));
  findings.push(...(await lookAtProducts(workspace, request)));
  findings.push(...(await lookAtEngines(workspace, request)));
  return { findings };
}

const finding = (what: string, says: string, problems: readonly Problem[]): Finding => ({
  what,
  sound: errorsOf(problems).length === 0,
  says,
  problems: [...problems],
});

async function lookAtGit(): Promise<Finding> {
  const version = await gitVersion();
  if (!version.ok) return finding('git', 'missing', version.problems);
  const { default: semver } = await import('semver');
  const tooOld = semver.lt(semver.coerce(version.value) ?? '0.0.0', oldestGit);
  const hint = `install git ${oldestGit} or newer`;
  return finding(
    'git',
    version.value,
    tooOld ? [problem('command-missing', `git ${version.value} is too old`, { hint })] : [],
  );
}

async function lookAtRepository(workspace: Workspace): Promise<Finding[]> {
  const { root, config } = workspace;
  const repository = await openRepository(root);
  if (!repository.ok) return [finding('repository', 'none', repository.problems)];
  const identity = await repository.value.identity();
  const who = identity.ok ? `${identity.value.name} <${identity.value.email}>` : 'unknown';
  const findings = [finding('identity', who, identity.ok ? [] : identity.problems)];
  const upstream = await behindUpstream(repository.value, '', []);
  const where = upstream.ok ? (upstream.value?.name ?? 'none: records are not pushed anywhere') : 'not in step';
  // Who is there stands above.
  const obstacles = (await repository.value.obstacles([])).filter(({ code }) => code !== 'identity-missing');
  findings.push(finding('upstream', where, upstream.ok ? obstacles : upstream.problems));
  const sign = config.tags?.sign;
  if (sign !== undefined && sign !== 'none') {
    const signer = await openSigner(root, sign);
    const signed = signer.ok ? await signer.value.sign(Buffer.from('try\n')) : signer;
    findings.push(finding('signing', signed.ok ? `by ${sign}` : 'fails', signed.ok ? [] : signed.problems));
  }
  return findings;
}

/** Every engine that could build images, works or not, and which one would build each image of this workspace. */
async function lookAtEngines(workspace: Workspace, { env, signal }: DoctorRequest): Promise<Finding[]> {
  if (workspace.images.size === 0) return [];
  const { engines, images } = await surveyEngines(workspace, env, signal);
  return [
    ...engines.map(({ name, says, problems }) => finding(`engine ${name}`, says, problems)),
    ...images.map(({ name, says, problems }) => finding(`image ${name}`, says, problems)),
  ];
}

async function lookAtProducts(workspace: Workspace, request: DoctorRequest): Promise<Finding[]> {
  const { root, config } = workspace;
  if (!config.products) return [];
  const index = await readProductIndex(root, config.products.index, transportsOf(config));
  if (!index.ok) return [];
  const asked = [...index.value.products.values()].map((product) => ({ product }));
  const look = { jobsPerHost: request.jobsPerHost, signal: request.signal, looked: () => {} };
  const { answers, problems } = await askRemotes(asked, look, ({ product }) =>
    openRemote(product.url, { signal: request.signal }).listRefs(['HEAD']),
  );
  const says = `${answers.size} of ${count(asked.length, 'repository', 'repositories')} answer`;
  const findings = [finding('remotes', says, problems)];
  if (!request.push) return findings;
  const scratch = await mkdtemp(join(tmpdir(), 'dmrel-doctor-'));
  const repository = await openRepository(root);
  const identity = repository.ok ? await repository.value.identity() : repository;
  const tagger =
    config.tags?.tagger ?? (identity.ok ? identity.value : { name: 'dmrel doctor', email: 'doctor@localhost' });
  const tag = `dmrel.doctor.${newOperationId(request.now).toLowerCase()}`;
  try {
    const reachable = asked.filter(({ product }) => answers.get(product.name)?.head);
    const tried = await askRemotes(reachable, look, ({ product }) => {
      const commit = answers.get(product.name)!.head!.commit;
      const epoch = epochSeconds(instantOf(request.now));
      const object = tagObject({
        commit,
        tag,
        tagger,
        epochSeconds: epoch,
        message: 'A try whether tags may be made; it is taken away at once',
      });
      return tryTag(product, { tag, commit, object, scratch: join(scratch, product.name) }, request.signal);
    });
    findings.push(finding('push', `${tried.answers.size} of ${reachable.length} take tags`, tried.problems));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return findings;
}

/** Make a tag and take it away. What stays behind is a problem that names it. */
async function tryTag(
  product: Product,
  request: Parameters<ReturnType<typeof openRemote>['createTag']>[0],
  signal: AbortSignal,
): Promise<Result<true>> {
  const remote = openRemote(product.url, { signal });
  const made = await remote.createTag(request);
  if (made.status === 'failed') return failed({ ...made.problem, message: `${product.name}: ${made.problem.message}` });
  if (made.status === 'conflict')
    return failed(problem('tag-conflict', `${product.name}: has a tag ${request.tag} already`));
  const taken = await remote.deleteTag({ scratch: request.scratch, tag: request.tag, from: request.object.id });
  if (taken.status === 'deleted' || taken.status === 'absent') return ok(true);
  const why = taken.status === 'failed' ? taken.problem.message : 'it was changed at once';
  const hint = `take it away: git push ${product.url.display} :refs/tags/${request.tag}`;
  return failed(problem('tag-push-failed', `${product.name}: tags may be made but not deleted: ${why}`, { hint }));
}
