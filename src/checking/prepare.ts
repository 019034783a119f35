import { evidenceFolder, latestResult, readResults, signerFor, testerRole } from '../evidence/index.ts';
import { openRepository } from '../git/index.ts';
import { chooseCandidate, type Level, policyProblems, requireLevel } from '../levels/index.ts';
import { newOperationId } from '../operation/index.ts';
import type { ReleaseRecord } from '../releases/index.ts';
import { didYouMean, failed, instantOf, ok, type Problem, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { Checks } from './checks.ts';
import { owedAttachments } from './keep.ts';
import { type CheckFacts, type CheckPlan, planChecks } from './plan.ts';

export interface CheckRequest {
  level: string;
  release: string | undefined;
  /** Of those of the level; all without any. */
  images: readonly string[];
  checks: readonly string[];
  /** Run again what has passed already. */
  force: boolean;
  /** Wait for jobs that outlive us. */
  wait: boolean;
  /** A JUnit file that is about the one image and check that are named. */
  file?: string;
  now: Date;
}

/** Which of a level's checks must be run on which images of a release. Nothing is written. */
export async function prepareChecks(
  workspace: Workspace,
  request: CheckRequest,
  env: NodeJS.ProcessEnv,
): Promise<Result<{ plan: CheckPlan; because?: string }>> {
  const level = requireLevel(workspace, request.level, 'there is nothing to check for');
  if (!level.ok) return level;
  const chosen = narrow(level.value, request);
  if (!chosen.ok) return chosen;
  const candidate = await chooseCandidate(workspace, level.value, request.release);
  if (!candidate.ok) return candidate;
  const { record, because } = candidate.value;
  const { results, problems } = await readResults(workspace, record.name);
  const repository = await openRepository(workspace.root);
  if (!repository.ok) return repository;
  problems.push(...notBuilt(level.value, record, request.images));
  const operation = newOperationId(request.now);
  const checks = new Checks(workspace, { release: record.name, level: level.value.name }, env);
  const facts: CheckFacts[] = [];
  for (const { name: check, check: config, images, configuration } of chosen.value) {
    for (const image of images) {
      const released = record.images?.[image];
      if (!released) continue;
      const planned = { check, configuration, image, released, ...(request.file ? { file: request.file } : {}) };
      const latest = latestResult(results, { check, digest: released.digest, configuration });
      const job = await checks.lookAtJob(planned);
      if (!job.ok) {
        problems.push(...job.problems);
        continue;
      }
      facts.push({ ...planned, latest, fresh: config.fresh, advisory: config.advisory === true, job: job.value });
    }
  }
  const files = results.map(({ file }) => file);
  const recorded =
    files.length === 0 ||
    ((await repository.value.isCommitted(files)) &&
      !((await repository.value.upstream()) !== undefined && (await repository.value.isAhead())));
  const plan = planChecks({
    operation,
    now: instantOf(request.now),
    level: level.value.name,
    release: record.name,
    checks: facts,
    folder: evidenceFolder(record.name),
    recorded,
    owed: (await owedAttachments(workspace.root, record.name)).length,
    force: request.force,
    wait: request.wait,
    problems,
  });
  // Without the key nothing of what is found out would count: it is said before anything is run.
  if (plan.steps.some(({ action }) => action !== 'skip')) {
    const signer = await signerFor(workspace, testerRole, env);
    if (!signer.ok) plan.problems.push(...signer.problems);
    // What is signed says that the committed definition of a check held, by the programs that are committed.
    else if (signer.value) plan.problems.push(...(await policyProblems(workspace, repository.value)));
  }
  return ok({ plan, ...(because === undefined ? {} : { because }) });
}

function notBuilt(level: Level, record: ReleaseRecord, images: readonly string[]): Problem[] {
  return level.images
    .filter((each) => (images.length === 0 || images.includes(each)) && !record.images?.[each])
    .map((name) => {
      const hint = `dmrel build --release ${record.name}`;
      return problem('image-not-built', `${name} of ${record.name} is not built`, { hint, subject: name });
    });
}

/** The level's checks and images that were named. Problems: `unknown-image`, `usage`. */
function narrow(level: Level, { images, checks, file }: CheckRequest): Result<Level['checks']> {
  const problems: Problem[] = [];
  const names = level.checks.map(({ name }) => name);
  for (const image of images.filter((each) => !level.images.includes(each))) {
    const hint = didYouMean(image, level.images) ?? `its images: ${level.images.join(', ')}`;
    problems.push(problem('unknown-image', `no image '${image}' is meant for level ${level.name}`, { hint }));
  }
  for (const check of checks.filter((each) => !names.includes(each))) {
    const hint = didYouMean(check, names) ?? `its checks: ${names.join(', ')}`;
    problems.push(problem('usage', `level ${level.name} has no check '${check}'`, { hint }));
  }
  if (problems.length > 0) return failed(...problems);
  const chosen = level.checks
    .filter(({ name }) => checks.length === 0 || checks.includes(name))
    .map((each) => ({ ...each, images: each.images.filter((image) => images.length === 0 || images.includes(image)) }));
  if (file === undefined) return ok(chosen);
  const [only, ...others] = chosen;
  if (!only || others.length > 0 || only.images.length !== 1 || only.check.kind !== 'import') {
    const hint = 'add --check and --image';
    return failed(problem('usage', '--import is about one check of kind import and one image', { hint }));
  }
  return ok(chosen);
}
