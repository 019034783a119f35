import { type Job, maxLogBytes, maxReportBytes } from '../runner.ts';

/**
 * What Slurm is given: it finds the task's own script in the folder of the jobs. A POSIX shell is all that a node needs.
 * @param folder absolute, on a file system that the nodes share
 */
export const arrayScript = (folder: string): string =>
  `#!/bin/sh\n# Written by dmrel: one task for each image.\nexec /bin/sh ${quote(folder)}/"$SLURM_ARRAY_TASK_ID"/run.sh\n`;

/**
 * The script of one task. Nothing that a workspace says is seen by the shell but in single quotes. What it leaves in the folder:
 * `begun` (a second copy of it ends at once), `log` and `stdout` up to their sizes, `results/`, and at last `exit`: exit
 * code, begin and end in seconds; `code` is there as soon as the program has ended, whoever holds its output open.
 */
export function taskScript(job: Job, folder: string): string {
  const limit = Math.ceil(job.timeoutSeconds);
  const program = quote(job.argv[0]);
  const keep = (file: string, bytes: number) => `{ keep ${bytes} >"$folder"/${file}; cat >/dev/null; }`;
  const run = `run() { timeout -k 5 ${limit} ${job.argv.map(quote).join(' ')} </dev/null; }`;
  const left = `printf '%s\\n' "$?" >"$folder"/code.tmp; mv "$folder"/code.tmp "$folder"/code`;
  return [
    '#!/bin/sh',
    `# Written by dmrel: ${job.title.replace(/[^A-Za-z0-9 ._-]/g, '?')}`,
    `folder=${quote(folder)}`,
    'mkdir "$folder"/begun 2>/dev/null || exit 0',
    ...Object.entries(job.env).map(([name, value]) => `export ${name}=${quote(value)}`),
    // Written as it comes: whoever ends this job early wants the last lines too.
    'keep() { if command -v stdbuf >/dev/null 2>&1; then stdbuf -o0 head -c "$1"; else head -c "$1"; fi; }',
    'begun=$(date +%s)',
    'end() { printf \'%s %s %s\\n\' "$1" "$begun" "$(date +%s)" >"$folder"/exit.tmp; mv "$folder"/exit.tmp "$folder"/exit; exit 0; }',
    `cd -- ${quote(job.cwd)} 2>/dev/null || end not-started`,
    `command -v -- ${program} >/dev/null 2>&1 || end not-started`,
    run,
    job.report
      ? `{ { run 2>&3; ${left}; } | ${keep('stdout', maxReportBytes)}; } 3>&1 | ${keep('log', maxLogBytes)}`
      : `{ run 2>&1; ${left}; } | ${keep('log', maxLogBytes)}`,
    'end "$(cat "$folder"/code)"',
    '',
  ].join('\n');
}

/** As one word of a POSIX shell (XCU 2.2.2): nothing inside single quotes means anything, and they hold no NUL. */
export function quote(text: string): string {
  return `'${text.replaceAll('\0', '').replaceAll("'", `'\\''`)}'`;
}

/** What a task left, if it is whole. */
export interface TaskExit {
  /** Undefined: its program could not be started. */
  code: number | undefined;
  begun: number;
  ended: number;
}

export function parseExit(text: string): TaskExit | undefined {
  const match = /^(not-started|\d{1,3}) (\d{1,12}) (\d{1,12})\n$/.exec(text);
  if (!match) return undefined;
  const code = match[1] === 'not-started' ? undefined : Number(match[1]);
  return { code, begun: Number(match[2]), ended: Number(match[3]) };
}
