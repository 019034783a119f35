import { type CheckResult, readResults, type Signer, signerFor, testerRole } from '../evidence/index.ts';
import { openRepository } from '../git/index.ts';
import type { Outcome, Step } from '../operation/index.ts';
import { commitRecord, pushRecords } from '../releases/index.ts';
import { type Job, pruneBatches } from '../runners/index.ts';
import { type Clock, instantOf, ok, type Problem, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { type CheckPlace, Checks, runsProgram } from './checks.ts';
import { attachOwed, keepResult, owedAttachments } from './keep.ts';
import { type Look, lookOnce } from './look.ts';
import type { CheckPlan, PlannedCheck } from './plan.ts';
import { platformImages } from './platforms.ts';

export interface BoundChecks {
  steps: Step[];
  /** End what was handed over and nobody waits for any more. */
  cancel(): Promise<void>;
}

/** The steps of a check run. A check that fails is a result, not a failed step: it is kept as evidence like a pass. */
export async function bindCheckSteps(
  workspace: Workspace,
  plan: CheckPlan,
  env: NodeJS.ProcessEnv,
  clock: Clock,
  found: (result: CheckResult) => void,
): Promise<Result<BoundChecks>> {
  const { details, release } = plan;
  const signer = await signerFor(workspace, testerRole, env);
  if (!signer.ok) return signer;
  const checks = new Checks(workspace, { release, level: details.level }, env);
  await pruneBatches(workspace.root);
  const jobs = (id: string): Job[] =>
    (details.submitted[id] ?? []).flatMap((each) => jobOf(checks, details.checks[each]!));
  const apply = (id: string): Step['apply'] => {
    const planned = details.checks[id];
    if (planned) return (signal) => runCheck(checks, planned, signer.value, clock, signal, found);
    if (details.submitted[id]) return () => handOver(checks, details.checks[details.submitted[id]![0]!]!, jobs(id));
    if (id === 'attach') return () => attach(checks);
    return () => record(workspace, plan);
  };
  const steps = plan.steps.map((planned): Step => {
    return { ...planned, apply: apply(planned.id), isDone: async () => planned.action === 'skip' };
  });
  const cancel = async () => {
    for (const [id, [first]] of Object.entries(details.submitted)) {
      await checks.runnerFor(checks.configOf(details.checks[first!]!)).cancel(jobs(id));
    }
  };
  return ok({ steps, cancel });
}

function jobOf(checks: Checks, planned: PlannedCheck): Job[] {
  const config = checks.configOf(planned);
  const job = runsProgram(config) ? checks.jobOf(planned, config) : undefined;
  return job?.ok ? [job.value] : [];
}

const failure = (each: Problem): Outcome => ({ status: 'failed', problem: each });

async function handOver(checks: Checks, first: PlannedCheck, jobs: readonly Job[]): Promise<Outcome> {
  const config = checks.configOf(first);
  const submitted = await checks.runnerFor(config).submit(jobs);
  if (submitted.status === 'submitted') return { status: 'done' };
  const hint = 'look at the cluster, then run the same command again; what was handed over is not handed over twice';
  const message = `${checks.runnerName(config)} takes no jobs: ${submitted.reason}`;
  return { ...failure(problem('runner-unreachable', message, { hint })), retry: submitted.retry } as Outcome;
}

async function runCheck(
  checks: Checks,
  planned: PlannedCheck,
  signer: Signer | undefined,
  clock: Clock,
  signal: AbortSignal,
  found: (result: CheckResult) => void,
): Promise<Outcome> {
  const place = checks.placeOf(planned);
  if (!place.ok) return failure(place.problems[0]!);
  const startedOn = instantOf(clock());
  const tried = await lookUntilItPasses(checks, planned, signal);
  if (!tried.ok) return failure(withSubject(tried.problems[0]!, planned));
  const { look, attempts } = tried.value;
  const platforms = await platformsLookedAt(checks, planned, place.value);
  const result = { ...resultOf(checks, planned, look, attempts, startedOn, clock), ...platforms };
  const kept = await keepResult(checks.workspace.root, checks.run.release, result, place.value, signer);
  if (!kept.ok) return failure(kept.problems[0]!);
  if (look.job) await look.job.runner.collected(look.job.end);
  found(result);
  return { status: 'done' };
}

/** A structure check looks at all images of an index; whatever runs one of them has seen that one. */
async function platformsLookedAt(
  checks: Checks,
  planned: PlannedCheck,
  place: CheckPlace,
): Promise<Pick<CheckResult, 'platforms'>> {
  if (checks.configOf(planned).kind !== 'structure') return {};
  const images = await platformImages(place);
  const others = images.ok ? images.value.map(({ digest }) => digest).filter((each) => each !== place.digest) : [];
  return others.length > 0 ? { platforms: others } : {};
}

const withSubject = (each: Problem, { check, image }: PlannedCheck): Problem => ({
  ...each,
  message: `${check} of ${image}: ${each.message}`,
  subject: image,
});

/**
 * As often as the check allows. What cannot be found out may be found out the next time, as what failed may pass; a failure
 * stays what was found when later tries find nothing out, unless somebody ended them.
 */
async function lookUntilItPasses(
  checks: Checks,
  planned: PlannedCheck,
  signal: AbortSignal,
): Promise<Result<{ look: Look; attempts: number }>> {
  const { retries = 0 } = checks.configOf(planned);
  let failure: Look | undefined;
  for (let attempts = 1; ; attempts++) {
    const look = await lookOnce(checks, planned, signal);
    const last = attempts > retries || signal.aborted;
    if (!look.ok && last) return failure && !signal.aborted ? ok({ look: failure, attempts }) : look;
    if (look.ok && (last || look.value.verdict.failed.length === 0)) return ok({ look: look.value, attempts });
    if (!look.ok) continue;
    failure = look.value;
    if (failure.job) await failure.job.runner.collected(failure.job.end);
  }
}

function resultOf(
  checks: Checks,
  planned: PlannedCheck,
  { verdict, begun, ended }: Look,
  attempts: number,
  startedOn: CheckResult['startedOn'],
  clock: Clock,
): CheckResult {
  const config = checks.configOf(planned);
  const { check, configuration, released } = planned;
  const now = clock();
  const good = verdict.failed.length === 0;
  const advisory = config.advisory === true && !good;
  const warned = [
    ...verdict.warned,
    ...(advisory ? verdict.failed : []),
    ...(attempts > 1 && good ? [`passed at try ${attempts}`] : []),
  ];
  // A node whose clock is ahead must not make a result that is newer than all that will come.
  const at = (seconds: number | undefined) =>
    seconds === undefined ? undefined : instantOf(new Date(Math.min(seconds * 1000, now.getTime())));
  return {
    repository: released.repository,
    digest: released.digest,
    check,
    configuration,
    passed: good,
    ...(advisory ? { warned: true } : {}),
    startedOn: at(begun) ?? startedOn,
    finishedOn: at(ended) ?? instantOf(now),
    runner: checks.runnerName(config),
    ...(config.version === undefined ? {} : { version: config.version }),
    ...(attempts > 1 ? { attempts } : {}),
    ...(verdict.counts ? { counts: verdict.counts } : {}),
    passedTests: verdict.passed,
    ...(warned.length > 0 ? { warnedTests: warned } : {}),
    failedTests: advisory ? [] : verdict.failed,
  };
}

async function attach(checks: Checks): Promise<Outcome> {
  const { workspace, run } = checks;
  const notes = await owedAttachments(workspace.root, run.release);
  const attached = await attachOwed(workspace, run.release, notes, (where, digest) => checks.place(where, digest));
  return attached.ok ? { status: 'done' } : failure(attached.problems[0]!);
}

async function record(workspace: Workspace, plan: CheckPlan): Promise<Outcome> {
  const opened = await openRepository(workspace.root);
  if (!opened.ok) return failure(opened.problems[0]!);
  const { results } = await readResults(workspace, plan.release);
  const files = results.map(({ file }) => file);
  if (files.length === 0) return { status: 'in-sync' };
  const trailers = { operation: plan.operation, release: plan.release, level: plan.details.level };
  const subject = `Record checks of ${plan.release} for ${plan.details.level}`;
  const committed = await commitRecord(opened.value, files, subject, trailers);
  if (committed.status === 'failed') return committed;
  const pushed = await pushRecords(opened.value);
  return pushed.status === 'failed' ? pushed : committed;
}

/** What failed, as findings: each thing asked for that did not hold. What keeps nothing out is a warning. */
export function failureProblems(results: readonly CheckResult[], plan: CheckPlan): Problem[] {
  return results
    .filter(({ passed }) => !passed)
    .map(({ check, digest, failedTests, warned, warnedTests = [] }) => {
      const image =
        Object.values(plan.details.checks).find(({ released }) => released.digest === digest)?.image ?? digest;
      const hint = `mend the image or the check, then: dmrel check --level ${plan.details.level} --release ${plan.release}`;
      const what = warned ? warnedTests : failedTests;
      const found = problem('check-failed', `${check} failed on ${image}: ${what.join('; ')}`, {
        hint,
        subject: image,
      });
      return warned ? { ...found, severity: 'warning' as const } : found;
    });
}
