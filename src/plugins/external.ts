import { accessSync, constants, statSync } from 'node:fs';
import { constants as system } from 'node:os';
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';
import { type Problem, problem } from '../support/index.ts';
import type { CommandContext } from './command.ts';

/**
 * A program `dmrel-<name>` on PATH serves `dmrel <name>`, as git and kubectl have it: a plugin may be written in any
 * language and is installed by being there. Relative PATH entries are passed over: they would run what a workspace brings.
 */
export function findExternal(name: string, path: string | undefined): string | undefined {
  if (!/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(name) || name.length > 60) return undefined;
  for (const folder of (path ?? '').split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const program = join(folder, `dmrel-${name}`);
    try {
      accessSync(program, constants.X_OK);
      if (statSync(program).isFile()) return program;
    } catch {
      // Not there, or not to be run: look on.
    }
  }
  return undefined;
}

/**
 * How a plugin calls dmrel back: DMREL is one program, whatever stands in its path, and finds the Node.js that runs this
 * one where PATH has none.
 */
export function waysBack({ self, env }: Pick<CommandContext, 'self' | 'env'>): { DMREL: string; PATH: string } {
  const [node, program = node] = self;
  return { DMREL: program, PATH: [...(env.PATH ? [env.PATH] : []), dirname(node)].join(delimiter) };
}

/** A program that is there and does not start: its first line names an interpreter that is not, or it is for another machine. */
export function notStarted(program: string, { code, message }: NodeJS.ErrnoException): Problem {
  const hint = `see to ${program}: its first line, and what machine it is for`;
  return problem('command-failed', `${basename(program)} cannot be started: ${code ?? message}`, { hint });
}

export const endedBy = (program: string, signal: NodeJS.Signals): Problem =>
  problem('command-failed', `${basename(program)} was ended by ${signal}`, { hint: `see to ${program}` });

/** As a shell has it. */
export const exitOfSignal = (signal: NodeJS.Signals): number => 128 + system.signals[signal];
