import type { Problem } from '../support/index.ts';
import { type DockerfileText, type Instruction, splitInstructions } from './assemble/dockerfile-lines.ts';
import { expand, imagesOfFlags, splitQuotedWords, splitWords } from './assemble/dockerfile-words.ts';
import { parseArgs, platformVariables, tryWords } from './assemble/instructions.ts';

/** An image that a Dockerfile names, besides its own stages and `scratch`. */
export interface NamedImage {
  name: string;
  /** A problem where it is named. */
  problem: Instruction['problem'];
}

/** A stage: its name in small letters, and what it rests on; undefined for `scratch`. */
export interface Stage {
  name: string | undefined;
  base: string | undefined;
}

/** What a Dockerfile takes from outside of itself and its context. */
export interface DockerfileUses {
  /** Arguments that it declares, in any stage. */
  args: ReadonlySet<string>;
  images: NamedImage[];
  stages: Stage[];
  /** What the stage that is built rests on; undefined for `scratch`. */
  base: string | undefined;
  /** Files that dmrel lays into the context. */
  releaseFile: boolean;
  productsFile: boolean;
  problems: Problem[];
}

export const releaseFileName = 'dmrel-release.json';
export const productsFileName = 'dmrel-products.json';

/** Look through a Dockerfile for any engine: nothing is refused that another than `assemble` may know. */
export function readUses(
  source: DockerfileText,
  given: Record<string, string>,
  platform: string,
  target?: string,
): DockerfileUses {
  const problems: Problem[] = [];
  const args = new Set<string>();
  const images: NamedImage[] = [];
  const variables = new Map(Object.entries(platformVariables(platform)));
  const stages: Stage[] = [];
  const baseOf = (name: string): string | undefined => {
    const stage = stages.findLast((each) => each.name === name.toLowerCase());
    return stage ? stage.base : name === 'scratch' ? undefined : name;
  };
  const note = (name: string, instruction: Instruction): void => {
    const isStage = stages.some((each) => each.name === name.toLowerCase());
    if (name === 'scratch' || isStage || images.some((each) => each.name === name)) return;
    images.push({ name, problem: instruction.problem });
  };
  for (const instruction of splitInstructions(source)) {
    const { keyword, text } = instruction;
    if (keyword === 'ARG') {
      for (const word of splitQuotedWords(text)) {
        const [name] = /^[a-zA-Z_][a-zA-Z0-9_]*/.exec(word.text) ?? [];
        const [read] = tryWords(instruction, problems, () => parseArgs(word, variables)) ?? [];
        if (name === undefined) continue;
        args.add(name);
        const set = Object.hasOwn(given, name) ? given[name] : read?.value;
        if (stages.length === 0 && set !== undefined) variables.set(name, set);
      }
    } else if (keyword === 'FROM') {
      const words = splitWords(text).filter((each) => !each.text.startsWith('--'));
      const name = words[0] && tryWords(instruction, problems, () => expand(words[0]!.text, variables));
      if (name === undefined) continue;
      note(name, instruction);
      const stage = words[1]?.text.toUpperCase() === 'AS' ? words[2]?.text.toLowerCase() : undefined;
      stages.push({ base: baseOf(name), name: stage });
    } else {
      for (const { text: name } of imagesOfFlags(keyword, text)) if (!/^[0-9]+$/.test(name)) note(name, instruction);
    }
  }
  const wanted = target === undefined ? stages.at(-1) : stageOf(stages, target);
  return {
    args,
    images,
    stages,
    base: wanted?.base,
    releaseFile: /dmrel-(?:release|[*?])/.test(source.text),
    productsFile: /dmrel-(?:products|[*?])/.test(source.text),
    problems: problems.filter(({ code }) => code !== 'dockerfile-unsupported'),
  };
}

/** As docker takes it: by its name, or by its number. */
export const stageOf = (stages: readonly Stage[], target: string): Stage | undefined =>
  stages.findLast(({ name }) => name === target.toLowerCase()) ?? stages[/^[0-9]+$/.test(target) ? Number(target) : -1];
