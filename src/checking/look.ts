import { join } from 'node:path';
import type { JobEnd, Runner } from '../runners/index.ts';
import { failed, nameWithin, ok, problem, type Result } from '../support/index.ts';
import type { CheckConfig, ImportCheck } from '../workspace/index.ts';
import { type Checks, defaultTimeout, type ProgramCheck, runsProgram } from './checks.ts';
import { readReport } from './files.ts';
import { importResults } from './import.ts';
import { judgeMetrics } from './metrics.ts';
import { OutputSearch } from './output.ts';
import type { PlannedCheck } from './plan.ts';
import { conclusive, judgeExit, judgeProgram, type Ran } from './program.ts';
import { lookAtImage } from './structure.ts';
import { merge, type Verdict } from './verdict.ts';
import { judgeFindings, readFindings } from './vulnerabilities.ts';

/** What one look found, with what belongs to it. */
export interface Look {
  verdict: Verdict;
  /** Seconds of the epoch, where others than us took the time. */
  begun?: number;
  ended?: number;
  /** The job whose result it is: to be marked as collected when that is kept. */
  job?: { runner: Runner; end: JobEnd };
}

/**
 * Look at an image once, in the way of its check's kind. A problem says that nothing could be found out: that is neither
 * a pass nor a failure. Problems: `check-inconclusive`, `command-missing`, `report-invalid`, `runner-unreachable`, `interrupted`.
 */
export async function lookOnce(checks: Checks, planned: PlannedCheck, signal: AbortSignal): Promise<Result<Look>> {
  const config = checks.configOf(planned);
  if (runsProgram(config)) return runProgram(checks, planned, config, signal);
  switch (config.kind) {
    case 'structure': {
      const place = checks.placeOf(planned);
      return place.ok ? asLook(await lookAtImage(config, place.value)) : place;
    }
    case 'import':
      return importFor(checks, planned, config);
    case 'vulnerabilities':
    case 'metrics':
      return asLook(await judgeReport(checks, planned, config));
    case 'container': {
      const { lookInContainer } = await import('./container.ts');
      return lookInContainer(checks, planned, config, signal);
    }
    default:
      return config satisfies never;
  }
}

const asLook = (verdict: Result<Verdict>): Result<Look> => (verdict.ok ? ok({ verdict: verdict.value }) : verdict);

async function importFor(checks: Checks, planned: PlannedCheck, config: ImportCheck): Promise<Result<Look>> {
  const { root } = checks.workspace;
  return importResults(root, planned.released.digest, config, planned.file);
}

async function runProgram(
  checks: Checks,
  planned: PlannedCheck,
  config: ProgramCheck,
  signal: AbortSignal,
): Promise<Result<Look>> {
  const job = checks.jobOf(planned, config);
  if (!job.ok) return job;
  const runner = checks.runnerFor(config);
  const submitted = await runner.submit([job.value]);
  const unreachable = (reason: string) => {
    const hint = 'its job, if there is one, goes on; run the same command again to collect it';
    return failed<Look>(problem('runner-unreachable', `${checks.runnerName(config)}: ${reason}`, { hint }));
  };
  if (submitted.status === 'failed') return unreachable(submitted.reason);
  const output = new OutputSearch(config.kind === 'command' ? config.output : undefined);
  const end = await runner.follow({ ...job.value, heard: output.hear }, signal);
  if (end.status === 'unreachable') return unreachable(end.reason);
  const { root } = checks.workspace;
  const ran: Ran = { name: config.run.join(' '), timeout: config.timeout ?? defaultTimeout, root };
  const ended = conclusive(end, ran, config.run[0]!);
  const verdict = ended.ok ? await judgeEnd(config, ended.value, ran, output) : ended;
  // What cannot be made sense of is not taken up again: the next try is a new job.
  if (!verdict.ok) {
    if (end.status !== 'interrupted') await runner.collected(end);
    return verdict;
  }
  const { begun, ended: finished } = end;
  return ok({
    verdict: verdict.value,
    ...(begun === undefined ? {} : { begun }),
    ...(finished === undefined ? {} : { ended: finished }),
    job: { runner, end },
  });
}

async function judgeEnd(config: ProgramCheck, end: JobEnd, ran: Ran, output: OutputSearch): Promise<Result<Verdict>> {
  if (config.kind === 'command') return judgeProgram(config, end, ran, output);
  const exit = judgeExit(0, end, ran);
  const file = config.report === undefined ? join(end.folder, 'stdout') : join(end.folder, 'results', config.report);
  if (config.kind === 'metrics') {
    if (exit.failed.length > 0) return ok(exit);
    const report = await readReport(file, nameWithin(ran.root, file));
    return report.ok ? ok(merge([exit, judgeMetrics(report.value, config.metrics)])) : report;
  }
  // A scanner that did not come to its end has found nothing out, whatever it wrote.
  if (exit.failed.length > 0) {
    const hint = 'a scanner must exit 0, whatever it finds: its report is what counts';
    return failed(problem('check-inconclusive', exit.failed[0]!, { hint }));
  }
  const report = await readReport(file, nameWithin(ran.root, file));
  return report.ok ? judgeScan(report.value, nameWithin(ran.root, file), config.max) : report;
}

function judgeScan(report: unknown, name: string, max: Parameters<typeof judgeFindings>[1]): Result<Verdict> {
  const findings = readFindings(report, name);
  return findings.ok ? ok(judgeFindings(findings.value, max)) : findings;
}

/** A report that was made elsewhere, under the name of the image. */
async function judgeReport(
  checks: Checks,
  { released }: PlannedCheck,
  config: Extract<CheckConfig, { kind: 'vulnerabilities' | 'metrics' }>,
): Promise<Result<Verdict>> {
  const name = config.report!.replaceAll('{digest}', released.digest.slice('sha256:'.length));
  const report = await readReport(join(checks.workspace.root, name), name);
  if (!report.ok) return report;
  return config.kind === 'metrics'
    ? ok(judgeMetrics(report.value, config.metrics))
    : judgeScan(report.value, name, config.max);
}
