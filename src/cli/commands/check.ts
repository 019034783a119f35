import { resolve } from 'node:path';
import {
  bindCheckSteps,
  type CheckPlan,
  type CheckRequest,
  failureProblems,
  prepareChecks,
} from '../../checking/index.ts';
import type { CheckResult } from '../../evidence/index.ts';
import type { CommandContext, CommandRun, OptionValues } from '../../plugins/index.ts';
import { count, Failure, problem, unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { levelOption, namesOption } from '../levels.ts';
import { runOperation } from '../operation.ts';

export const run: CommandRun = async (context, _args, options) => {
  const request = requestOf(context, options);
  const jobs = jobsOption(options);
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const results: CheckResult[] = [];
  let checked: CheckPlan | undefined;
  return runOperation<CheckPlan>(context, {
    root: workspace.root,
    command: ['check', ...argumentsOf(request)],
    dryRun: options.dryRun === true,
    limits: { jobs: 1000, jobsPerHost: jobs },
    prepare: async () => {
      const { plan, because } = unwrap(await prepareChecks(workspace, { ...request, now: context.now() }, context.env));
      if (because !== undefined && !context.json) context.err(`${plan.release}: ${because}\n`);
      checked = plan;
      return plan;
    },
    bind: async (plan) => {
      const bound = unwrap(
        await bindCheckSteps(workspace, plan, context.env, context.now, (result) => results.push(result)),
      );
      const cleanUp = async () => {
        if (context.interrupt.aborted) await bound.cancel();
      };
      return { steps: bound.steps, cleanUp };
    },
    findings: () => failureProblems(results, checked!),
    summary: (plan, result) => summaryOf(plan, result === undefined ? undefined : results),
  });
};

function requestOf(context: CommandContext, options: OptionValues): Omit<CheckRequest, 'now'> {
  return {
    level: levelOption(options),
    release: options.release === undefined ? undefined : String(options.release),
    images: namesOption(options, 'image'),
    checks: namesOption(options, 'check'),
    force: options.force === true,
    wait: options.wait !== false,
    ...(typeof options.import === 'string' ? { file: resolve(context.cwd, options.import) } : {}),
  };
}

/** What does it again. */
function argumentsOf({ level, release, images, checks, wait, file }: Omit<CheckRequest, 'now'>): string[] {
  return [
    '--level',
    level,
    ...(release === undefined ? [] : ['--release', release]),
    ...images.flatMap((each) => ['--image', each]),
    ...checks.flatMap((each) => ['--check', each]),
    ...(file === undefined ? [] : ['--import', file]),
    ...(wait ? [] : ['--no-wait']),
  ];
}

function jobsOption({ jobs = '4' }: OptionValues): number {
  const number = /^[1-9][0-9]{0,3}$/.test(String(jobs)) ? Number(jobs) : undefined;
  if (number !== undefined) return number;
  throw new Failure(
    problem('usage', `--jobs '${jobs}' is no number of checks`, { hint: 'a whole number from 1 to 9999' }),
  );
}

function summaryOf({ release, details }: CheckPlan, results: readonly CheckResult[] | undefined): string {
  const { level, later } = details;
  const all = Object.keys(details.checks).length;
  const again = 'run the same command again to collect them';
  const waiting = later.length > 0 ? `; ${count(later.length, 'job')} handed over and not ended: ${again}` : '';
  if (!results) {
    return `${release}: nothing to do; ${count(all - later.length, 'check')} for ${level} passed already${waiting}\n`;
  }
  const passed = results.filter((each) => each.passed).length;
  const before = all - results.length - later.length;
  const earlier = before > 0 ? `, ${before} before` : '';
  return `${release} for ${level}: ${passed} of ${count(results.length, 'check')} passed now${earlier}; evidence in releases/${release}/evidence/${waiting}\n`;
}
