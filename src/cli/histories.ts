import type { CommandContext, OptionValues } from '../plugins/index.ts';
import type { HistoriesOptions } from '../reporting/index.ts';
import { Failure, parseDuration, printable, problem } from '../support/index.ts';

/** How remotes are asked for commits: --timeout, and Ctrl-C. */
export function historyOptions(context: CommandContext, { timeout = '30s' }: OptionValues): HistoriesOptions {
  const timeoutSeconds = parseDuration(String(timeout));
  if (timeoutSeconds !== undefined && timeoutSeconds > 0 && timeoutSeconds <= 3600) {
    return { signal: context.interrupt, timeoutSeconds };
  }
  const hint = 'at most an hour: 30s, 5m';
  throw new Failure(problem('usage', `--timeout: '${printable(String(timeout))}' is no such time`, { hint }));
}

export function stopIfInterrupted({ interrupt }: CommandContext): void {
  if (interrupt.aborted) throw new Failure(problem('interrupted', 'interrupted; nothing was changed'));
}
