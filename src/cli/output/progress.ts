import type { StepEvent } from '../../operation/index.ts';
import type { CommandContext } from '../../plugins/index.ts';
import { printable } from '../../support/index.ts';

export interface Progress {
  report(event: StepEvent): void;
  /** How far a step is that takes long; for who watches, not for a log. */
  tell(text: string): void;
  end(): Promise<void>;
}

/** One counting line for a person, plain lines for a log. Always on standard error. */
export async function createProgress(context: CommandContext, title: string, total: number): Promise<Progress> {
  const { watched } = context;
  return watched && !context.json ? countingLine(watched, title, total) : plainLines(context, total);
}

function plainLines(context: CommandContext, total: number): Progress {
  let ended = 0;
  const report = (event: StepEvent) => {
    const name = printable(event.step.title);
    switch (event.kind) {
      case 'start':
        return;
      case 'done':
        ended += 1;
        return context.err(`[${ended}/${total}] ${name}: ${event.already ? 'already done' : 'done'}\n`);
      case 'failed':
        ended += 1;
        return context.err(`[${ended}/${total}] ${name}: FAILED: ${printable(event.problem.message)}\n`);
      case 'retry':
        return context.err(`${name}: ${printable(event.problem.message)}; again in ${event.inSeconds.toFixed(1)} s\n`);
      default:
        event satisfies never;
    }
  };
  return { report, tell: () => {}, end: async () => {} };
}

/** One task that counts: a task for each of hundreds of repositories would keep the renderer busier than the network. */
async function countingLine(stream: NodeJS.WriteStream, title: string, total: number): Promise<Progress> {
  const { DefaultRenderer, Listr, ListrLogger, ProcessOutput } = await import('listr2');
  /** listr2 would show nothing where standard output is no terminal. */
  class OnThisStream extends DefaultRenderer {
    static override nonTTY = true;
  }
  const logger = new ListrLogger<string>({ processOutput: new ProcessOutput(stream, stream) });
  let ended = 0;
  let failed = 0;
  let show: (text: string) => void = () => {};
  let finish: () => void = () => {};
  const running = new Listr(
    [
      {
        title,
        task: (_context, task) =>
          new Promise<void>((resolve) => {
            finish = resolve;
            show = (text) => {
              task.output = text;
            };
          }),
      },
    ],
    { renderer: OnThisStream, rendererOptions: { collapseSubtasks: false, logger }, registerSignalListeners: false },
  ).run();
  const report = (event: StepEvent) => {
    if (event.kind === 'done') ended += 1;
    if (event.kind === 'failed') failed += 1;
    show(`${ended}/${total}${failed > 0 ? `, ${failed} failed` : ''}  ${printable(event.step.title)}`);
  };
  return {
    report,
    tell: (text) => show(`${ended}/${total}  ${text}`),
    end: async () => {
      finish();
      await running;
    },
  };
}
