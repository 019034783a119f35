import type { Problem } from '../../support/index.ts';
import {
  type DockerfileText,
  expand,
  type Instruction,
  imagesOfFlags,
  parseArgs,
  platformVariables,
  splitInstructions,
  splitWords,
  WordError,
} from '../assemble/index.ts';

/** A place in a Dockerfile where it names an image. */
interface Mention {
  /** As it is called there, with variables put in. */
  name: string;
  /** As it is written. */
  written: string;
  instruction: Instruction;
  /** In the instruction's text. */
  offset: number;
}

/** The names of images, other than stages and `scratch`, that a Dockerfile builds on or copies from. */
export function parentsOf(dockerfile: DockerfileText, args: Record<string, string>, platform?: string): string[] {
  return [...new Set(mentionsIn(dockerfile, args, platform).map(({ name }) => name))];
}

/**
 * What a Dockerfile builds on that it may not: an image that nobody said it is built from. One that is named by digest is
 * what it is wherever it comes from.
 */
export function strangers(
  dockerfile: DockerfileText,
  args: Record<string, string>,
  from: readonly string[],
  platform?: string,
): Problem[] {
  const choice = ['scratch', ...from].map((each) => `'${each}'`).join(', ');
  const hint = `write one of ${choice}, or list the image under 'from:' in dmrel.yaml`;
  return mentionsIn(dockerfile, args, platform)
    .filter(({ name }) => !from.includes(name) && !/@sha256:[0-9a-f]{64}$/.test(name))
    .map(({ name, instruction, offset }) =>
      instruction.problem('unknown-name', `'${name}' is not an image that this one is built from`, { offset, hint }),
    );
}

/**
 * The Dockerfile with other names for its parents, all lines where they were. An engine is given names, or ids, that nobody
 * can move; the names of the workspace mean nothing to it, or something else.
 */
export function renameParents(
  dockerfile: DockerfileText,
  args: Record<string, string>,
  names: ReadonlyMap<string, string>,
  platform?: string,
): string {
  const lines = dockerfile.text.split('\n');
  const found = mentionsIn(dockerfile, args, platform).map((mention) => ({
    ...mention,
    at: mention.instruction.at(mention.offset),
  }));
  // From the end of each line, so that columns stay what they were.
  for (const { name, written, at } of found.sort((left, right) => right.at.column - left.at.column)) {
    const renamed = names.get(name);
    const line = lines[at.line - 1]!;
    const start = at.column - 1;
    if (renamed !== undefined && line.startsWith(written, start))
      lines[at.line - 1] = line.slice(0, start) + renamed + line.slice(start + written.length);
  }
  return lines.join('\n');
}

function mentionsIn(dockerfile: DockerfileText, args: Record<string, string>, platform = 'linux/amd64'): Mention[] {
  const globals = new Map(Object.entries(platformVariables(platform)));
  const stages = new Set<string>(['scratch']);
  let stage = 0;
  const mentions: Mention[] = [];
  const mention = (instruction: Instruction, written: string, offset: number, name = written) => {
    if (!stages.has(name.toLowerCase()) && !/^[0-9]+$/.test(name))
      mentions.push({ name, written, instruction, offset });
  };
  for (const instruction of splitInstructions(dockerfile)) {
    const { keyword, text } = instruction;
    if (keyword === 'ARG' && stage === 0) readGlobals(instruction, args, globals);
    else if (keyword === 'FROM') {
      stage += 1;
      const [image, as, name] = splitWords(text).filter((word) => !word.text.startsWith('--'));
      if (image) mention(instruction, image.text, image.offset, expanded(image.text, globals));
      if (as?.text.toUpperCase() === 'AS' && name) stages.add(name.text.toLowerCase());
    } else for (const { text: name, offset } of imagesOfFlags(keyword, text)) mention(instruction, name, offset);
  }
  return mentions;
}

function readGlobals(instruction: Instruction, args: Record<string, string>, globals: Map<string, string>): void {
  try {
    for (const { name, value } of parseArgs(instruction, globals)) {
      const given = Object.hasOwn(args, name) ? args[name] : value;
      if (given !== undefined) globals.set(name, given);
    }
  } catch (error) {
    if (!(error instanceof WordError)) throw error; // the engine complains of it
  }
}

function expanded(text: string, globals: ReadonlyMap<string, string>): string {
  try {
    return expand(text, globals);
  } catch (error) {
    if (!(error instanceof WordError)) throw error;
    return text;
  }
}
