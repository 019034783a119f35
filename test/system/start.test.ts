import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  cpSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { counterpart } from '../support/counterparts.ts';
import { cleanEnv, dmrel, home } from '../support/dmrel.ts';
import { ReleaseWorkspace } from '../support/release-workspace.ts';
import { onTerminal } from '../support/terminal.ts';

const aPlace = () => mkdtempSync(join(tmpdir(), 'dmrel-start-'));
const code = `code-${process.version}-${process.arch}`;

/** The build somewhere else, its compiled code as `change` leaves it; what a command prints there. */
async function printed(change: (folder: string, files: string[]) => void): Promise<string> {
  const place = aPlace();
  for (const folder of ['bin', 'dist']) cpSync(join(home, folder), join(place, folder), { recursive: true });
  for (const folder of ['schemas', 'milestones']) symlinkSync(join(home, folder), join(place, folder));
  const folder = join(place, 'dist', code);
  change(folder, existsSync(folder) ? readdirSync(folder) : []);
  const command = [
    join(place, 'bin/dmrel.js'),
    '-C',
    home,
    'milestone',
    'status',
    'LDM-503-3',
    '--as-of',
    '2017-08-09',
  ];
  return execFileSync(process.execPath, command, { env: await cleanEnv(), encoding: 'utf8' });
}

describe('the code that the build has compiled', () => {
  it('changes nothing but the time it takes: absent, cut off or of something else, it is compiled anew', async () => {
    const { out } = await dmrel(home, ['milestone', 'status', 'LDM-503-3', '--as-of', '2017-08-09']);
    expect(out).toContain('LDM-503-3');
    const each = (work: (path: string) => void) => (folder: string, files: string[]) => {
      for (const name of files) work(join(folder, name));
    };
    expect(await printed(() => {})).toBe(out);
    expect(await printed((folder) => rmSync(folder, { recursive: true, force: true }))).toBe(out);
    expect(await printed(each((path) => rmSync(path)))).toBe(out);
    expect(await printed(each((path) => truncateSync(path, 100)))).toBe(out);
    expect(await printed(each((path) => writeFileSync(path, 'something else')))).toBe(out);
    const other = readFileSync(join(home, 'dist/main.js'));
    expect(await printed(each((path) => writeFileSync(path, other)))).toBe(out);
  });
});

describe('standard output', () => {
  it('may go away: the command ends as it would have', async () => {
    for (const [words, ended] of [
      [['--help'], 0],
      [['milestone', 'list', '--json'], 0],
      [['promote', '--level', 'batch', '--json'], 3],
    ] as const) {
      const child = spawn(process.execPath, [join(home, 'bin/dmrel.js'), ...words], {
        cwd: home,
        env: await cleanEnv(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child.stdout.destroy();
      let err = '';
      child.stderr.on('data', (chunk) => {
        err += chunk;
      });
      expect(await new Promise((resolve) => child.on('close', resolve))).toBe(ended);
      expect(err).toBe('');
    }
  });

  it('is written whole to a pipe that is full and does not wait', async () => {
    const { out } = await dmrel(home, ['milestone', 'list', '--json']);
    const pipe = join(aPlace(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const both = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    const before = fill(both);
    const child = spawn(process.execPath, [join(home, 'bin/dmrel.js'), 'milestone', 'list', '--json'], {
      cwd: home,
      env: await cleanEnv(),
      stdio: ['ignore', both, 'inherit'],
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await new Promise((resolve) => setTimeout(resolve, 500)); // it has met the full pipe
    const read = createReadStream(pipe);
    closeSync(both);
    const chunks: Buffer[] = [];
    for await (const chunk of read) chunks.push(chunk);
    expect(await ended).toBe(0);
    expect(Buffer.concat(chunks).subarray(before).toString()).toBe(out);
  });

  it('that cannot take any more is said', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [join(home, 'bin/dmrel.js'), 'milestone', 'list'], {
      cwd: home,
      env: await cleanEnv(),
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    let err = '';
    child.stderr!.on('data', (chunk) => {
      err += chunk;
    });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(4);
    expect(err).toContain('the system refused: write: ENOSPC');
    expect(err).not.toContain('    at ');
  });
});

describe('standard error', () => {
  it('that cannot be written to changes no exit code', async () => {
    const full = openSync('/dev/full', 'w');
    const command = [join(home, 'bin/dmrel.js'), 'milestone', 'nope'];
    const child = spawn(process.execPath, command, {
      cwd: home,
      env: await cleanEnv(),
      stdio: ['ignore', 'pipe', full],
    });
    closeSync(full);
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(2);
  });

  it('has colours where it is a terminal, whatever standard output is', async () => {
    if (!counterpart('script')) return;
    const [place, command] = [aPlace(), ['milestone', 'status', 'NOPE']];
    const elsewhere = join(place, 'err');
    const quiet = await onTerminal(home, command, '', { TERM: 'xterm', columns: 100, err: elsewhere });
    expect([quiet.code, readFileSync(elsewhere, 'utf8')]).toEqual([
      2,
      expect.stringMatching(/^error {2}unknown-milestone/),
    ]);
    const seen = await onTerminal(home, command, '', { TERM: 'xterm', columns: 100, out: join(place, 'out') });
    expect(seen.screen).toContain('\x1b[31merror');
  });
});

describe('who watches a terminal', () => {
  const tag = ['tag', 'weekly', '--date', '2018-05-03'];
  const ended = /^w\.2018\.18: 2 repositories tagged .*\n$/;

  it('sees how far it is, and standard output has the result alone', async () => {
    if (!counterpart('script')) return;
    const out = join(aPlace(), 'out');
    const terminal = { TERM: 'xterm', columns: 100, out };
    const { code, screen } = await onTerminal(new ReleaseWorkspace(2).root, tag, '', terminal);
    expect([code, readFileSync(out, 'utf8')]).toEqual([0, expect.stringMatching(ended)]);
    expect(screen).toContain('tag w.2018.18');
    expect(screen).toContain('\x1b[?25h'); // the cursor is back
  });

  it.each([{ TERM: 'dumb', columns: 100 }, { TERM: 'xterm', columns: 100, CI: 'true' }, { TERM: 'xterm' }])(
    'gets plain lines where nothing can be written over: %j',
    async (terminal) => {
      if (!counterpart('script')) return;
      const { code, screen } = await onTerminal(new ReleaseWorkspace(2).root, tag, '', terminal);
      expect(code).toBe(0);
      expect(screen).toMatch(/^\[\d\/\d\] tag p00: done$/m);
      expect(screen).not.toContain('\x1b[?25l');
    },
  );
});

/** Fill a pipe; tells with how many bytes. */
function fill(fd: number): number {
  let written = 0;
  for (let size = 65_536; size >= 1; )
    try {
      written += writeSync(fd, Buffer.alloc(size));
    } catch {
      size /= 2;
    }
  return written;
}
