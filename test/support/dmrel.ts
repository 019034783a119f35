import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const home = join(import.meta.dirname, '../..');
const bin = join(home, 'bin/dmrel.js');

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

let shared: Promise<string> | undefined;

/** An environment in which nothing of the machine's user shows: no git configuration, a cache of its own. */
export async function cleanEnv(): Promise<NodeJS.ProcessEnv> {
  shared ??= mkdtemp(join(tmpdir(), 'dmrel-home-'));
  const { PATH } = process.env;
  return { PATH, HOME: await shared, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  /** Standard input; empty without it. */
  input?: string | Uint8Array;
  /** Called with the process, to end it in the middle. */
  during?: (child: { pid: number; kill(signal: NodeJS.Signals): void }) => void;
  dieAt?: DieAt;
}

/** It ends by a signal when it has written so many lines to journals: right then, or some milliseconds after. */
export interface DieAt {
  line: number;
  signal?: NodeJS.Signals;
  afterMs?: number;
}

const dieAtLine = join(home, 'test/support/die-at-line.cjs');
const dying = ({ line, signal = 'SIGKILL', afterMs = 0 }: DieAt): NodeJS.ProcessEnv => ({
  NODE_OPTIONS: `--require ${dieAtLine}`,
  DMREL_TEST_DIE: JSON.stringify({ line, signal, afterMs }),
});

/** Run the built dmrel in a directory. */
export async function dmrel(cwd: string, args: string[], options: RunOptions = {}): Promise<Ended> {
  const env = { ...(await cleanEnv()), ...options.env, ...(options.dieAt && dying(options.dieAt)) };
  const child = spawn(process.execPath, [bin, ...args], { cwd, env, stdio: 'pipe' });
  child.stdin.on('error', () => {}); // it need not read all of it
  child.stdin.end(options.input ?? '');
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  options.during?.({ pid: child.pid!, kill: (signal) => void child.kill(signal) });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

/** The same with --json, its document parsed and held against its schema. */
export async function dmrelJson(
  cwd: string,
  args: string[],
  options: RunOptions = {},
): Promise<{ code: number | null; json: any }> {
  const { code, out, err } = await dmrel(cwd, [...args, '--json'], options);
  let json: { schema: string };
  try {
    json = JSON.parse(out);
  } catch {
    throw new Error(`no JSON: ${out}\n${err}`);
  }
  await expectSchema(json);
  return { code, json };
}

async function expectSchema(document: { schema: string }): Promise<void> {
  const { Ajv2020 } = await import('ajv/dist/2020.js');
  const name = /^dmrel\/([a-z-]+)\/v1$/.exec(document.schema)![1];
  const schema = JSON.parse(readFileSync(join(home, `schemas/${name}.schema.json`), 'utf8'));
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  const validate = ajv.compile(schema);
  const sound = validate(document) as boolean;
  if (!sound) throw new Error(`${document.schema}: ${ajv.errorsText(validate.errors)}`);
}
