import { didYouMean, failed, ok, type Problem, type Result } from '../../support/index.ts';
import { type DockerfileText, heredoc, type Instruction, splitInstructions } from './dockerfile-lines.ts';
import { expand, splitWords, type Variables } from './dockerfile-words.ts';
import { otherEngine, parseArgs, parseSteps, platformVariables, type Step, tryWords } from './instructions.ts';

/** A Dockerfile that the assemble engine can follow. */
export interface Dockerfile {
  /** The image of the workspace it builds on; undefined for `FROM scratch`. */
  from: string | undefined;
  /** The instructions after FROM, understood but with their variables still in them. */
  steps: Step[];
  /** Values of the ARGs before FROM, and those that docker defines by itself. */
  globals: Map<string, string>;
}

const unsupported: Record<string, string> = {
  RUN: `${otherEngine} RUN`,
  HEALTHCHECK: 'use the docker engine for HEALTHCHECK; OCI images have none',
  ONBUILD: 'use the docker engine for ONBUILD; OCI images have none',
  SHELL: `${otherEngine} SHELL, or write CMD and ENTRYPOINT as JSON`,
  MAINTAINER: 'write LABEL org.opencontainers.image.authors=... instead',
};
const supported = [
  'ADD',
  'ARG',
  'CMD',
  'COPY',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'FROM',
  'LABEL',
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
];

/**
 * Read a Dockerfile without building: what it is built FROM and everything in it that the assemble engine cannot do, all
 * at once. Problems: `dockerfile-syntax`, `dockerfile-unsupported`, `unknown-name` for a parent that is not in `parents`.
 * @param args values given for its ARGs
 * @param parents names of the images it may build on
 */
export function parseDockerfile(
  source: DockerfileText,
  args: Record<string, string>,
  parents: readonly string[],
  platform = 'linux/amd64',
): Result<Dockerfile> {
  const problems: Problem[] = [];
  const instructions = splitInstructions(source).filter((each) => isKnown(each, problems));
  const start = instructions.findIndex(({ keyword }) => keyword === 'FROM');
  if (start === -1) {
    const at = { file: source.file };
    if (problems.length > 0) return failed(...problems);
    const hint = "begin with 'FROM scratch' or 'FROM' and an image of the workspace";
    return failed({ code: 'dockerfile-syntax', severity: 'error', message: `${source.file} has no FROM`, hint, at });
  }
  const globals = readGlobals(instructions.slice(0, start), args, platform, problems);
  const from = parseFrom(instructions[start]!, globals, parents, problems);
  const rest: Instruction[] = [];
  for (const each of instructions.slice(start + 1)) {
    if (each.keyword !== 'FROM') rest.push(each);
    else
      problems.push(
        each.problem('dockerfile-unsupported', 'a second stage', { hint: `${otherEngine} several stages` }),
      );
  }
  const steps = parseSteps(rest, problems);
  return problems.length > 0 ? failed(...problems) : ok({ from, steps, globals });
}

function isKnown(instruction: Instruction, problems: Problem[]): boolean {
  const { keyword, text } = instruction;
  const hint = Object.hasOwn(unsupported, keyword) ? unsupported[keyword] : undefined;
  if (hint !== undefined) {
    problems.push(instruction.problem('dockerfile-unsupported', `the assemble engine has no ${keyword}`, { hint }));
    return false;
  }
  if (!supported.includes(keyword)) {
    const meant = didYouMean(keyword, [...supported, ...Object.keys(unsupported)]);
    problems.push(
      instruction.problem(
        'dockerfile-syntax',
        `there is no instruction ${keyword}`,
        meant === undefined ? {} : { hint: meant },
      ),
    );
    return false;
  }
  const document = keyword === 'COPY' || keyword === 'ADD' ? [...text.matchAll(heredoc)][0] : undefined;
  if (document) {
    const details = {
      offset: document.index + document[0].indexOf('<<'),
      hint: 'put the text into a file, and copy that',
    };
    problems.push(instruction.problem('dockerfile-unsupported', 'the assemble engine has no here-documents', details));
    return false;
  }
  if (text !== '') return true;
  problems.push(instruction.problem('dockerfile-syntax', `${keyword} says nothing`));
  return false;
}

function readGlobals(
  before: Instruction[],
  args: Record<string, string>,
  platform: string,
  problems: Problem[],
): Map<string, string> {
  const globals = new Map(Object.entries(platformVariables(platform)));
  for (const instruction of before) {
    if (instruction.keyword !== 'ARG') {
      problems.push(
        instruction.problem('dockerfile-syntax', `${instruction.keyword} before FROM`, {
          hint: 'only ARG may stand there',
        }),
      );
      continue;
    }
    for (const { name, value } of tryWords(instruction, problems, () => parseArgs(instruction, globals)) ?? []) {
      const given = Object.hasOwn(args, name) ? args[name] : value;
      if (given !== undefined) globals.set(name, given);
    }
  }
  return globals;
}

function parseFrom(
  instruction: Instruction,
  globals: Variables,
  parents: readonly string[],
  problems: Problem[],
): string | undefined {
  const [image, as, stage, ...more] = splitWords(instruction.text);
  if (image!.text.startsWith('--')) {
    const hint = "the platform is the image's in dmrel.yaml";
    problems.push(instruction.problem('dockerfile-unsupported', `FROM ${image!.text}`, { offset: 0, hint }));
    return undefined;
  }
  if ((as && as.text.toUpperCase() !== 'AS') || (as && !stage) || more.length > 0) {
    problems.push(
      instruction.problem('dockerfile-syntax', "after the image only 'AS name' may follow", { offset: as!.offset }),
    );
  }
  const name = tryWords(instruction, problems, () => expand(image!.text, globals));
  if (name === undefined || name === 'scratch') return undefined;
  if (!parents.includes(name)) {
    const choice = ['scratch', ...parents].map((each) => `'${each}'`).join(', ');
    const hint = `write one of ${choice}, or list the image under 'from:' in dmrel.yaml`;
    problems.push(
      instruction.problem('unknown-name', `'${name}' is not an image that this one is built from`, { offset: 0, hint }),
    );
  }
  return name;
}
