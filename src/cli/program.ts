import { Command, CommanderError } from 'commander';
import type { CommandSpec, OptionValues, Plugin } from '../plugins/index.ts';
import { Failure, nearest, problem } from '../support/index.ts';

export interface GlobalOptions {
  directory?: string;
  json?: boolean;
  color?: boolean;
  debug?: boolean;
}

export interface Invocation {
  spec: CommandSpec;
  args: string[];
  options: OptionValues;
  globals: GlobalOptions;
}

export interface ProgramOutput {
  out(text: string): void;
  width(): number;
  version: string;
}

/**
 * Read a command line against the commands of the plugins. Help and version are printed and give undefined; what is
 * wrong with the line is thrown as a `usage` problem.
 */
export function parseCommandLine(
  argv: readonly string[],
  plugins: readonly Plugin[],
  output: ProgramOutput,
): Invocation | undefined {
  let invocation: Invocation | undefined;
  let message = '';
  const settle = (command: Command): Command =>
    command
      .exitOverride()
      .configureOutput({
        writeOut: output.out,
        writeErr: (text) => {
          message += text;
        },
        getOutHelpWidth: output.width,
        getOutHasColors: () => false,
      })
      .helpOption('-h, --help', 'show this help')
      .helpCommand(false)
      .showSuggestionAfterError(true)
      .allowExcessArguments(false);

  const program = settle(new Command('dmrel'))
    .description('From "the tests passed" to "this exact container runs in production, and here is the proof".')
    .version(output.version, '--version', 'print the version')
    .option('-C, --directory <dir>', 'work as if started in DIR')
    .option('--json', 'print one JSON document on standard output')
    .option('--no-color', 'no colour (NO_COLOR is honoured too)')
    .option('--debug', 'show where an unexpected error came from')
    .enablePositionalOptions(false);

  const groups = new Map<string, Command>();
  const summaries = new Map(
    plugins.flatMap((plugin) => plugin.groups ?? []).map(({ name, summary }) => [name, summary]),
  );
  const groupOf = (name: string): Command => {
    const known = groups.get(name);
    if (known) return known;
    const made = settle(program.command(name)).description(summaries.get(name) ?? '');
    groups.set(name, made);
    return made;
  };
  const verb = verbOf(argv);
  const commands = plugins.flatMap((plugin) => plugin.commands);
  // What the line is about is all that has to be made, when it says so with its first words.
  const named = [`${argv[0]} ${argv[1]}`, argv[0]].map((name) => commands.find((each) => each.name === name));
  const alone = named.find((each) => each !== undefined);
  const ofVerb = argv[0] === verb ? commands.filter(({ name }) => name.split(' ')[0] === verb) : [];
  const needed = alone ? [alone] : ofVerb.length > 0 ? ofVerb : commands;
  for (const spec of needed) {
    const words = spec.name.split(' ');
    const parent = words.length > 1 ? groupOf(words[0]!) : program;
    // What the line is not about is made only as far as the list of commands shows it: making all takes longer than help may.
    if (words[0] !== verb) {
      if (parent === program) listed(program, spec);
      continue;
    }
    const command = settle(parent.command(words.at(-1)!)).description(spec.summary);
    for (const { name, description, required } of spec.arguments ?? []) {
      command.argument(required ? `<${name}>` : `[${name}]`, description);
    }
    for (const { flags, description, repeats } of spec.options ?? []) {
      if (repeats)
        command.option(flags, description, (value, before?: string) => [before, value].filter(Boolean).join(','));
      else once(command.option(flags, description));
    }
    command.option('--json', 'print one JSON document on standard output');
    if (spec.examples)
      command.addHelpText('after', `\nExamples:\n${spec.examples.map((each) => `  $ ${each}\n`).join('')}`);
    command.action((...parameters: unknown[]) => {
      const given = parameters.slice(0, spec.arguments?.length ?? 0).flat(); // a list from an argument that takes many
      const args = given.filter((each) => each !== undefined) as string[];
      const all = command.optsWithGlobals() as GlobalOptions & OptionValues;
      invocation = { spec, args, options: all, globals: { ...program.opts(), json: all.json === true } };
    });
  }
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    if (error.code === 'commander.help') {
      const group = verb === undefined ? undefined : groups.get(verb);
      if (group) {
        const verbs = group.commands.map((each) => each.name()).join(', ');
        throw new Failure(problem('usage', `dmrel ${verb} does nothing by itself`, { hint: `say what: ${verbs}` }));
      }
      output.out(message);
      return undefined;
    }
    throw new Failure(usageProblem(message, argv, [...groups.keys(), ...program.commands.map((each) => each.name())]));
  }
  return invocation;
}

/** Its last option has one value: of two, the first would be lost without a word. */
function once(command: Command): void {
  const option = command.options.at(-1)!;
  let given = false;
  command.on(`option:${option.name()}`, () => {
    if (given && (option.required || option.optional)) command.error(`error: option '${option.flags}' is given twice`);
    given = true;
  });
}

/** The first word of a command line that names a command. */
const verbOf = (argv: readonly string[]): string | undefined => argv[verbIndex(argv)];

/** Where that word stands: after options of all commands; -1 where there is none. */
export function verbIndex(argv: readonly string[]): number {
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index]!;
    if (word === '-C' || word === '--directory') index += 1;
    else if (!word.startsWith('-')) return index;
  }
  return -1;
}

/** A command as the list of all shows it, and no more. */
function listed(program: Command, { name, summary, arguments: args = [] }: CommandSpec): void {
  const command = program.command(name).description(summary).option('--json');
  for (const { name: argument, required } of args) command.argument(required ? `<${argument}>` : `[${argument}]`);
}

function usageProblem(message: string, argv: readonly string[], known: string[]): ReturnType<typeof problem> {
  const text =
    message
      .replace(/^error: /, '')
      .trim()
      .split('\n')[0] ?? 'the command line is not understood';
  const suggestion = /\(Did you mean (.*)\?\)/.exec(message)?.[1] ?? nearest(argv[0] ?? '', known);
  const hint = /unknown command/.test(text) && suggestion ? `did you mean '${suggestion}'?` : `see 'dmrel --help'`;
  return problem('usage', text, { hint: /Did you mean/.test(message) ? `did you mean ${suggestion}?` : hint });
}
