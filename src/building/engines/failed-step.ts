import type { Position } from '../../support/index.ts';
import { type DockerfileText, type Instruction, splitInstructions } from '../assemble/index.ts';

/** The step of a Dockerfile that was done last, and what it printed. */
export interface FailedStep {
  /** As the engine counts: `3/5`, of a stage `builder 2/3`. */
  number: string;
  text: string;
  at: Position;
  output: string[];
}

const shownLines = 10;

/**
 * Find the step at which a build ended in what the engine printed: the classic builder's `Step 3/5 : RUN ...`, BuildKit's
 * `#6 [stage 2/3] RUN ...` with its lines numbered `#6`, and buildah's `STEP 3/5: RUN ...`. Pure.
 */
export function failedStep(lines: readonly string[], dockerfile: DockerfileText): FailedStep | undefined {
  const found = buildkitStep(lines) ?? sequentialStep(lines);
  if (!found) return undefined;
  const instructions = splitInstructions(dockerfile);
  const instruction = matching(found.text, instructions) ?? instructions[found.index ?? -1];
  // The first line of a step that goes over several.
  const at: Position = instruction ? lineOf(instruction, dockerfile.file) : { file: dockerfile.file };
  return { number: found.number, text: found.text, at, output: found.output.filter(tells).slice(-shownLines) };
}

interface Found {
  number: string;
  text: string;
  output: string[];
  /** In the whole Dockerfile, where the engine counts so. */
  index?: number;
}

/** What every build prints says nothing. */
const tells = (line: string): boolean =>
  line.trim() !== '' && !/^ ?--->|^Removing intermediate|^sha256:|^DONE |^-+$/.test(line);

function sequentialStep(lines: readonly string[]): Found | undefined {
  const start = lines.findLastIndex((line) => stepLine.test(line));
  if (start === -1) return undefined;
  const [, stage, number, total, text] = stepLine.exec(lines[start]!)!;
  const output = lines.slice(start + 1);
  const index = stage === undefined ? { index: Number(number) - 1 } : {};
  return { number: `${stage ?? ''}${number}/${total}`, text: text!, output, ...index };
}

const stepLine = /^(\[\d+\/\d+\] )?(?:Step|STEP) (\d+)\/(\d+) ?: (.*)$/;

/** BuildKit works on several at once; the one with an error, or else the last one that was not done. */
function buildkitStep(lines: readonly string[]): Found | undefined {
  const steps = new Map<string, { number: string; text: string; output: string[]; failed: boolean; done: boolean }>();
  for (const line of lines) {
    const [, id, rest] = /^#(\d+) (.*)$/.exec(line) ?? [];
    if (id === undefined) continue;
    const [, stage, number, text] = /^\[(?:(\S+) )?(\d+\/\d+)\] (.+)$/.exec(rest!) ?? [];
    const known = steps.get(id);
    if (text !== undefined && !known)
      steps.set(id, {
        number: `${stage === undefined ? '' : `${stage} `}${number}`,
        text,
        output: [],
        failed: false,
        done: false,
      });
    else if (known) {
      if (/^ERROR:? /.test(rest!)) known.failed = true;
      else if (/^(DONE|CACHED|CANCELED)/.test(rest!)) known.done = true;
      // The time since the step began is no part of what was printed.
      known.output.push(rest!.replace(/^\d+\.\d+ /, ''));
    }
  }
  const all = [...steps.values()];
  return all.findLast(({ failed }) => failed) ?? all.findLast(({ done }) => !done);
}

/** By its text, which BuildKit prints with variables put in and blanks drawn together, and engines cut. */
function matching(text: string, instructions: readonly Instruction[]): Instruction | undefined {
  const plain = squeezed(text);
  const exact = instructions.find((each) => squeezed(`${each.keyword} ${each.text}`) === plain);
  if (exact) return exact;
  return instructions.find((each) => {
    const whole = squeezed(`${each.keyword} ${withoutFlags(each.text)}`);
    const pieces = whole.split(/\$(?:\{[^}]*\}|\w+)/).map((piece) => piece.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${pieces.join('.*')}$`).test(plain) || (plain.length > 40 && whole.startsWith(plain));
  });
}

const withoutFlags = (text: string): string => text.replace(/^(?:--\S+\s+)*/, '');
/** buildah prints a JSON array as words, without its quotes, brackets and commas. */
const squeezed = (text: string): string => text.replaceAll(/[\s"[\],]+/g, '');

function lineOf(instruction: Instruction, file: string): Position {
  return { file, line: instruction.at(0).line };
}
