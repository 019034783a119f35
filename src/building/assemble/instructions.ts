import type { Problem } from '../../support/index.ts';
import type { Instruction } from './dockerfile-lines.ts';
import {
  expand,
  splitQuotedWords,
  splitWords,
  UnsupportedWord,
  type Variables,
  type Word,
  WordError,
} from './dockerfile-words.ts';

/** An instruction after FROM, taken apart. Variables stand for themselves until the engine knows their values. */
export type Step = { instruction: Instruction } & (
  | { kind: 'arg' }
  | { kind: 'env' | 'label'; pairs: [name: string, value: string][] }
  | { kind: 'copy'; add: boolean; flags: Map<string, Word>; sources: Word[]; target: Word }
  | { kind: 'user' | 'workdir' | 'stopsignal'; word: Word }
  | { kind: 'expose' | 'volume'; words: Word[] }
  | { kind: 'cmd' | 'entrypoint'; argv: string[] }
);

export const otherEngine = 'use the docker or buildah engine for';

/** Take instructions apart; what is wrong with them goes to `problems`, and they are left out. */
export function parseSteps(instructions: readonly Instruction[], problems: Problem[]): Step[] {
  return instructions.flatMap(
    (instruction) => tryWords(instruction, problems, () => parseStep(instruction, problems)) ?? [],
  );
}

function parseStep(instruction: Instruction, problems: Problem[]): Step | undefined {
  const { keyword, text } = instruction;
  const whole = { text, offset: 0 };
  switch (keyword) {
    case 'ARG':
      return checked(splitQuotedWords(text), { kind: 'arg', instruction });
    case 'ENV':
    case 'LABEL': {
      const words = splitQuotedWords(text);
      return checked(words, { kind: keyword === 'ENV' ? 'env' : 'label', pairs: parsePairs(text, words), instruction });
    }
    case 'COPY':
    case 'ADD':
      return parseCopy(instruction, problems);
    case 'CMD':
      return { kind: 'cmd', argv: parseArgv(text), instruction };
    case 'ENTRYPOINT':
      return { kind: 'entrypoint', argv: parseArgv(text), instruction };
    case 'EXPOSE':
      return checked(splitWords(text), { kind: 'expose', words: splitWords(text), instruction });
    case 'VOLUME': {
      const words = parseList(text, 0);
      return checked(words, { kind: 'volume', words, instruction });
    }
    default:
      return checked([whole], { kind: keyword.toLowerCase() as 'user', word: whole, instruction });
  }
}

const noVariables: Variables = new Map();

/** Substitutions that cannot be understood are found before any value is known. */
function checked(words: readonly Word[], step: Step): Step {
  for (const { text } of words) expand(text, noVariables);
  return step;
}

/** `a=b c="d e"`, or the old form `a b c` that gives one name all the rest. */
function parsePairs(text: string, words: readonly Word[]): [string, string][] {
  if (!words[0]!.text.includes('=')) {
    const [, name, value] = /^(\S+)\s+([\s\S]+)$/.exec(text) ?? [];
    if (name === undefined) throw new WordError(`'${text}' is no 'name=value'`);
    return [[name, value!]];
  }
  return words.map(({ text: word }) => {
    const equals = word.indexOf('=');
    if (equals < 1) throw new WordError(`'${word}' is no 'name=value'`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function parseCopy(instruction: Instruction, problems: Problem[]): Step | undefined {
  const { keyword, text } = instruction;
  const flags = new Map<string, Word>();
  let start = 0;
  let bad = false;
  for (const { text: word, offset } of splitWords(text)) {
    if (!word.startsWith('--')) break;
    start = offset + word.length;
    const [, name, value] = /^--([a-z-]+)(?:=(.*))?$/.exec(word) ?? [];
    if ((name === 'chown' || name === 'chmod') && value) {
      flags.set(name, { text: value, offset: offset + name.length + 3 });
      continue;
    }
    bad = true;
    const known = ['from', 'link', 'parents', 'exclude', 'checksum', 'keep-git-dir', 'unpack'].includes(name ?? '');
    const hint = known ? `${otherEngine} ${keyword} --${name}` : 'it knows --chown=uid:gid and --chmod=mode';
    problems.push(
      instruction.problem(
        known ? 'dockerfile-unsupported' : 'dockerfile-syntax',
        `the assemble engine has no ${keyword} ${word}`,
        { offset, hint },
      ),
    );
  }
  const words = parseList(text.slice(start), start);
  const target = words.pop();
  if (target === undefined || words.length === 0) throw new WordError(`${keyword} needs a source and a target`);
  for (const { text: word, offset } of words) {
    if (!/^([a-z+]+:\/\/|git@)/i.test(word) || keyword !== 'ADD') continue;
    bad = true;
    const hint = 'download it first and check its digest, or use the docker or buildah engine';
    problems.push(
      instruction.problem('dockerfile-unsupported', 'the assemble engine downloads nothing', { offset, hint }),
    );
  }
  const step: Step = { kind: 'copy', add: keyword === 'ADD', flags, sources: words, target, instruction };
  return bad ? undefined : checked([...words, target, ...flags.values()], step);
}

/** A JSON array of strings, or words. docker takes what is not quite JSON for words, and so do we. */
function parseList(text: string, offset: number): Word[] {
  const trimmed = text.trim();
  const json = parseJsonStrings(trimmed);
  if (!json) return splitWords(text).map((word) => ({ text: word.text, offset: offset + word.offset }));
  let from = text.indexOf('[');
  return json.map((word) => {
    from = Math.max(from, text.indexOf(JSON.stringify(word), from));
    return { text: word, offset: offset + from };
  });
}

/** The exec form is taken as it is; the shell form is given to the shell that docker takes. */
function parseArgv(text: string): string[] {
  return parseJsonStrings(text) ?? ['/bin/sh', '-c', text];
}

function parseJsonStrings(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What every engine gives to FROM (docs.docker.com, "Automatic platform ARGs in the global scope"). */
export function platformVariables(platform: string): Record<string, string> {
  const [os = '', architecture = '', variant = ''] = platform.split('/');
  return { TARGETPLATFORM: platform, TARGETOS: os, TARGETARCH: architecture, TARGETVARIANT: variant };
}

/** `ARG name`, `ARG name=default`, several of them. */
export function parseArgs(
  { text }: Pick<Instruction, 'text'>,
  variables: Variables,
): { name: string; value: string | undefined }[] {
  return splitQuotedWords(text).map(({ text: word }) => {
    const [, name, , value] = /^([a-zA-Z_][a-zA-Z0-9_]*)(=([\s\S]*))?$/.exec(word) ?? [];
    if (name === undefined) throw new WordError(`'${word}' is no 'name' or 'name=default'`);
    return { name, value: value === undefined ? undefined : expand(value, variables) };
  });
}

/** The value, or undefined when the words could not be understood, which is then a problem of the instruction. */
export function tryWords<T>(instruction: Instruction, problems: Problem[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof WordError)) throw error;
    const unsupported = error instanceof UnsupportedWord;
    const code = unsupported ? 'dockerfile-unsupported' : 'dockerfile-syntax';
    const hint = unsupported ? `${otherEngine} it, or write the value out` : 'see to its quotes, braces and names';
    problems.push(instruction.problem(code, error.message, { offset: 0, hint }));
    return undefined;
  }
}
