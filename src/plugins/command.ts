import type { Clock } from '../support/index.ts';

/** Everything a command may touch of the world outside: handed in, so that it can be tested and never reads `process`. */
export interface CommandContext {
  /** Where to look for the workspace: the current directory, or -C DIR. */
  cwd: string;
  env: NodeJS.ProcessEnv;
  now: Clock;
  /** Standard input, opened when it is asked for; undefined where it is a terminal. */
  input(): AsyncIterable<Uint8Array> | undefined;
  /** Ask a person, who answers with a line; undefined where nobody can. */
  ask: ((question: string) => Promise<string>) | undefined;
  /** Results. */
  out(text: string): void;
  /** Progress, findings, hints. */
  err(text: string): void;
  /** Columns of the terminal, 100 where there is none. */
  width: number;
  /** Whether colour may be used on out; never needed to understand anything. */
  color: boolean;
  /** The same of err. */
  readonly errColor: boolean;
  /** Where a person watches err: its stream. */
  watched: NodeJS.WriteStream | undefined;
  /** --json: one document on out. */
  json: boolean;
  /** Fires on the first Ctrl-C: finish what was begun. */
  interrupt: AbortSignal;
  /** The directory dmrel is installed in, with the schemas and milestones it ships. */
  home: string;
  /** The Node.js that runs it: `v20.20.2`. */
  nodeVersion: string;
  /** How this dmrel is started: program and leading arguments. */
  self: readonly [string, ...string[]];
}

export interface ArgumentSpec {
  /** With `...` at its end it takes all that follow. */
  name: string;
  description: string;
  required?: boolean;
}

export interface OptionSpec {
  /** As commander writes it: `--as-of <date>`. */
  flags: string;
  description: string;
  /** May be given more than once: its values, joined by commas. */
  repeats?: true;
}

export type OptionValues = Record<string, string | boolean | undefined>;

/** What a command does. Resolves to its exit code; throws `Failure` with problems. */
export type CommandRun = (context: CommandContext, args: string[], options: OptionValues) => Promise<number>;

/** A subcommand as data. What it needs is loaded when it is run, so that help and other verbs do not pay for it. */
export interface CommandSpec {
  /** Words of the command: `tag weekly`. */
  name: string;
  summary: string;
  arguments?: readonly ArgumentSpec[];
  options?: readonly OptionSpec[];
  /** Shown under its help. */
  examples?: readonly string[];
  load(): Promise<{ run: CommandRun }>;
}

/** A group's one-line description: `milestone`, `tag`. */
export interface GroupSpec {
  name: string;
  summary: string;
}

/** How subcommands are brought in; the built-in ones come through here too. */
export interface Plugin {
  name: string;
  groups?: readonly GroupSpec[];
  commands: readonly CommandSpec[];
}
