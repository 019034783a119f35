import { availableParallelism } from 'node:os';
import {
  type BuildOptions,
  type BuildPlan,
  engineChoices,
  type PreparedBuild,
  prepareBuild,
} from '../../building/index.ts';
import type { CommandContext, CommandRun, OptionValues } from '../../plugins/index.ts';
import type { ReleasedImage } from '../../releases/index.ts';
import { count, didYouMean, Failure, printable, problem, unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { namesOption } from '../levels.ts';
import { runOperation } from '../operation.ts';

export const run: CommandRun = async (context, _args, options) => {
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const wanted = optionsOf(options, context.env);
  const jobs = wholeNumber(options.jobs, '--jobs', 1) ?? availableParallelism();
  if (options.checkReproducible === true) {
    const { checkReproducible } = await import('../reproducible.ts');
    return checkReproducible(context, workspace, wanted, options.follow === true);
  }
  let prepared: PreparedBuild;
  let images: ReadonlyMap<string, ReleasedImage> = new Map();
  return runOperation<BuildPlan>(context, {
    root: workspace.root,
    command: ['build', ...argumentsOf(options)],
    dryRun: options.dryRun === true,
    prepare: async () => {
      prepared = unwrap(await prepareBuild(workspace, wanted, context.now()));
      const { plan, because } = prepared;
      if (because !== undefined && !context.json) context.err(`${plan.release}: ${because}\n`);
      return plan;
    },
    bind: async () => {
      const follow = options.follow === true ? { follow: follower(context) } : {};
      const bound = await prepared.bind({ now: context.now, ...follow });
      images = bound.images;
      return { steps: bound.steps, cleanUp: bound.close };
    },
    limits: { jobs, jobsPerHost: jobs },
    summary: (plan, result) => summary(plan, result?.done, images, wanted.keepHere),
  });
};

function summary(
  { release, details }: BuildPlan,
  done: readonly string[] | undefined,
  images: ReadonlyMap<string, ReleasedImage>,
  keepHere: boolean,
): string {
  const number = Object.keys(details.images).length;
  if (!done) return `${release}: nothing to do; ${count(number, 'image')} built and unchanged\n`;
  const made = Object.entries(details.images).filter(
    ([name, { action }]) => action === 'build' && done.includes(`build:${name}`),
  ).length;
  const lines = [...images].map(([, { repository, digest }]) => `  ${repository}@${digest}\n`).sort();
  const where = keepHere ? ', here and nowhere else' : '';
  return `${release}: ${count(made, 'image')} built, ${number - made} unchanged${where}\n${lines.join('')}`;
}

/** Lines of several builds come mixed: each begins with its image. */
const follower = (context: CommandContext) => (image: string) => (line: string) =>
  context.err(`${image} | ${printable(line)}\n`);

function optionsOf(options: OptionValues, env: NodeJS.ProcessEnv): BuildOptions {
  const text = (value: OptionValues[string]) => (value === undefined ? undefined : String(value));
  return {
    release: text(options.release),
    only: options.only === undefined ? undefined : namesOption(options, 'only'),
    force: options.force === true,
    engine: engineOf(text(options.engine)),
    keepHere: options.push === false,
    moveAliasesBack: options.moveAliasesBack === true,
    changePromoted: options.yes === true,
    buildNumber: wholeNumber(options.buildNumber, '--build-number', 0),
    env,
  };
}

function engineOf(name: string | undefined): BuildOptions['engine'] {
  const engine = engineChoices.find((each) => each === name);
  if (name === undefined || engine !== undefined) return engine;
  const hint = didYouMean(name, engineChoices) ?? `name one of ${engineChoices.join(', ')}`;
  throw new Failure(problem('usage', `--engine takes no '${printable(name)}'`, { hint }));
}

function wholeNumber(value: OptionValues[string], option: string, least: number): number | undefined {
  if (value === undefined) return undefined;
  const number = /^[0-9]{1,9}$/.test(String(value)) ? Number(value) : Number.NaN;
  if (number >= least) return number;
  throw new Failure(
    problem('usage', `${option} takes a whole number from ${least} on, not '${printable(String(value))}'`),
  );
}

/** The command line that goes on with this one. */
function argumentsOf(options: OptionValues): string[] {
  const valued = ['release', 'only', 'engine', 'jobs', 'buildNumber'] as const;
  const flags = ['force', 'moveAliasesBack', 'follow', 'yes'] as const;
  const flag = (name: string) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return [
    ...valued.flatMap((name) => (options[name] === undefined ? [] : [flag(name), String(options[name])])),
    ...flags.flatMap((name) => (options[name] === true ? [flag(name)] : [])),
    ...(options.push === false ? ['--no-push'] : []),
  ];
}
