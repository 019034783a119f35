import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { failed, ok, problem, type Result, run } from '../support/index.ts';

/** The products of the demonstration: names of real ones, with a history that is made up. */
export const demoProducts = [
  'afw',
  'ap_pipe',
  'base',
  'daf_base',
  'ip_diffim',
  'ip_isr',
  'lsst_distrib',
  'meas_base',
  'obs_subaru',
  'pex_exceptions',
  'pipe_tasks',
  'pipelines_docs',
] as const;

const author = 'A Developer <developer@example.org>';

/** Make the bare repository of a product, or add a week's work to it. Its commits depend on nothing but the arguments. */
export async function writeRemote(folder: string, product: string, week: number): Promise<Result<void>> {
  const path = join(folder, `${product}.git`);
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  const commits = exists ? worksThisWeek(product, week) : historyOf(product);
  if (!exists) {
    const made = await git(['init', '--quiet', '--bare', '--initial-branch=main', '--', path], folder);
    if (!made.ok) return made;
  }
  if (commits.length === 0) return ok(undefined);
  const stream = commits.map(({ at, subject, content }, index) => {
    const from = exists && index === 0 ? 'from refs/heads/main^0\n' : '';
    const file = `M 100644 inline ${product}.txt\ndata ${Buffer.byteLength(content)}\n${content}\n`;
    return `commit refs/heads/main\ncommitter ${author} ${at} +0000\ndata ${Buffer.byteLength(subject)}\n${subject}\n${from}${file}`;
  });
  return git(['fast-import', '--quiet'], path, stream.join('\n'));
}

interface Commit {
  at: number;
  subject: string;
  content: string;
}

const start = Date.UTC(2017, 0, 2) / 1000;
const day = 86_400;

function historyOf(product: string): Commit[] {
  const length = 6 + (product.length % 5) * 3;
  return Array.from({ length }, (_, index) => commitOf(product, index, start + index * 9 * day));
}

/** A third of the products change in a week. */
function worksThisWeek(product: string, week: number): Commit[] {
  if ((product.length + week) % 3 !== 0) return [];
  return [commitOf(product, 100 + week, start + (400 + week * 7) * day)];
}

function commitOf(product: string, number: number, at: number): Commit {
  return { at, subject: `DM-${10_000 + number}: work on ${product}`, content: `${product}\nrevision ${number}\n` };
}

async function git(args: string[], cwd: string, input?: string): Promise<Result<void>> {
  const done = await run('git', args, { cwd, ...(input === undefined ? {} : { input }) });
  if (done.exitCode === 0) return ok(undefined);
  if (done.failure === 'missing')
    return failed(problem('command-missing', 'git is not installed', { hint: 'install git' }));
  return failed(problem('command-failed', `git ${args[0]}: ${done.stderr.trim().split('\n').at(-1)}`));
}
