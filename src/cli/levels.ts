import type { OptionValues } from '../plugins/index.ts';
import { Failure, problem } from '../support/index.ts';

/** --level, which these commands cannot do without. */
export function levelOption(options: OptionValues): string {
  if (typeof options.level === 'string') return options.level;
  throw new Failure(problem('usage', 'name a level: --level LEVEL', { hint: `'dmrel status' shows the levels` }));
}

/**
 * An option that may be given more than once, or with commas: `--image stack --image lab`, `--image stack,lab`. Without it
 * all are meant; so an empty one, as of a variable that is not set, is refused.
 */
export function namesOption(options: OptionValues, name: string): string[] {
  const value = options[name];
  if (typeof value !== 'string') return [];
  const names = value.split(',').map((each) => each.trim());
  const given = names.filter((each) => each !== '');
  if (given.length > 0) return given;
  const hint = `name one, or more with commas between; without --${name} all are meant`;
  throw new Failure(problem('usage', `--${name} names nothing`, { hint }));
}

/** --release, where a command is about one that a person looked at. */
export function releaseOption(options: OptionValues): string {
  if (typeof options.release === 'string') return options.release;
  throw new Failure(
    problem('usage', 'name a release: --release RELEASE', { hint: `'dmrel release list' shows the releases` }),
  );
}

export const textOption = (value: OptionValues[string]): string | undefined =>
  typeof value === 'string' ? value : undefined;

/** --reason: it becomes part of a record, as one line. */
export function reasonOption(options: OptionValues, command: string): string {
  const text = typeof options.reason === 'string' ? options.reason : '';
  const reason = text.replace(/[\s\p{C}]+/gu, ' ').trim();
  if (reason !== '' && reason.length <= 500) return reason;
  const hint = `--reason 'what happened', of at most 500 characters`;
  throw new Failure(problem('usage', `${command} wants a reason`, { hint }));
}
