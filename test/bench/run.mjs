// Ratios of whole processes, each pair in turn in one run, medians of 15: never absolute times.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { writePlan } from './plan.mjs';

const home = resolve(import.meta.dirname, '../..');
const dmrel = join(home, 'bin/dmrel.js');
const scratch = mkdtempSync(join(tmpdir(), 'dmrel-bench-'));
const cache = join(scratch, 'cache');
// Nothing of this machine's that node itself begins more slowly with, such as certificates of its own.
const env = { PATH: process.env.PATH, HOME: scratch, XDG_CACHE_HOME: cache };
const only = process.argv[2];
let failures = 0;

function time(args, { cwd = home, before } = {}) {
  before?.();
  const start = process.hrtime.bigint();
  const done = spawnSync(process.execPath, args, { cwd, env, stdio: 'ignore' });
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  if (done.status !== 0) throw new Error(`${args.join(' ')} ended with ${done.status}`);
  return seconds;
}

const median = (numbers) => numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)];

/** Pair by pair, so that a machine that changes its speed changes both. */
function compare(name, bound, rounds, first, second) {
  if (only !== undefined && !name.includes(only)) return;
  first();
  second();
  const pairs = Array.from({ length: rounds }, () => [first(), second()]);
  const ratio = median(pairs.map(([one]) => one)) / median(pairs.map(([, other]) => other));
  const verdict = ratio <= bound ? 'ok' : 'TOO SLOW';
  if (ratio > bound) failures += 1;
  const figures = pairs.map(([one, other]) => one / other).toSorted((left, right) => left - right);
  console.log(
    `${verdict.padEnd(8)}  ${ratio.toFixed(2)} (at most ${bound})  ${name}  pairs ${figures[0].toFixed(2)}..${figures.at(-1).toFixed(2)}`,
  );
}

function check(name, figure, bound) {
  if (figure > bound) failures += 1;
  console.log(`${(figure <= bound ? 'ok' : 'TOO MUCH').padEnd(8)}  ${figure.toFixed(0)} (at most ${bound})  ${name}`);
}

try {
  const bare = () => time(['-e', '0']);
  for (const args of [['--help'], ['--version']]) {
    compare(`dmrel ${args[0]} / node -e 0`, 1.3, 15, () => time([dmrel, ...args]), bare);
  }
  compare(
    'dmrel milestone status LDM-503-3 / node -e 0',
    1.6,
    15,
    () => time([dmrel, 'milestone', 'status', 'LDM-503-3']),
    bare,
  );

  const plans = Object.fromEntries(
    [
      [10_000, 1000],
      [20_000, 2000],
    ].map(([features, milestones]) => {
      const root = join(scratch, `plan-${features}`);
      mkdirSync(root);
      writePlan(root, features, milestones);
      return [features, root];
    }),
  );
  const validate = (root, before) => () => time([dmrel, 'validate'], { cwd: root, before });
  const cold = () => rmSync(cache, { recursive: true, force: true });
  const parse = () => time([join(home, 'test/bench/parse-all.cjs'), plans[10_000]]);
  compare('validate 10,000 features cold / yaml parsing them', 2.5, 5, validate(plans[10_000], cold), parse);
  compare(
    'validate 20,000 features cold / validate 10,000 cold',
    2.3,
    5,
    validate(plans[20_000], cold),
    validate(plans[10_000], cold),
  );
  compare('validate 10,000 features warm / yaml parsing them', 1, 5, validate(plans[10_000]), parse);

  if (only === undefined || only.startsWith('git')) {
    const { benchGit } = await import('./git.mjs');
    await benchGit({ scratch, compare, check });
  }
  if (only === undefined || only.startsWith('levels')) {
    const { benchLevels } = await import('./levels.mjs');
    await benchLevels({ scratch, time, compare, check, cache });
  }
  if (only === undefined || only.startsWith('images')) {
    const missing = ['docker-registry', 'skopeo'].filter((name) => spawnSync('which', [name]).status !== 0);
    if (missing.length > 0)
      console.log(`not measured: images, for want of ${missing.join(' and ')} (test/system/setup.sh)`);
    else {
      const { benchImages } = await import('./images.mjs');
      await benchImages({ scratch, compare, check });
    }
  }
  if (only === undefined || only.startsWith('building')) {
    const { benchBuilding } = await import('./building.mjs');
    await benchBuilding({ scratch, compare, check });
  }
  if (only === undefined || only.startsWith('promotion')) {
    if (spawnSync('which', ['docker-registry']).status !== 0)
      console.log('not measured: promotion, for want of docker-registry (test/system/setup.sh)');
    else {
      const { benchPromotion } = await import('./promotion.mjs');
      await benchPromotion({ scratch, compare });
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = failures > 0 ? 1 : 0;
