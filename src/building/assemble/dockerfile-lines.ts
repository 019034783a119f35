import { excerptAt } from '../../documents/index.ts';
import { type Position, type Problem, type ProblemCode, problem } from '../../support/index.ts';

/**
 * One instruction with its lines joined. dockerfile-ast was looked at for this and does not fit: it splits arguments
 * inside quotes and keeps the comments between continued lines as content, where docker's parser does neither.
 */
export interface Instruction {
  keyword: string;
  /** What follows the keyword, without blanks around it. */
  text: string;
  /** Where a character of `text` stands. Lines and columns from 1. */
  at(offset: number): Required<Position>;
  /** A problem at a character of `text`; of the keyword when that is undefined. */
  problem(code: ProblemCode, message: string, details?: { offset?: number; hint?: string }): Problem;
}

export interface DockerfileText {
  /** Its path from the root of the workspace, for messages. */
  file: string;
  text: string;
}

/** A piece of an instruction: where in the joined text it begins, and where in the file. Lines and columns from 1. */
interface Piece {
  offset: number;
  line: number;
  column: number;
}

/** Split a Dockerfile into instructions, as docker does (moby/buildkit, frontend/dockerfile/parser/parser.go). */
export function splitInstructions({ file, text }: DockerfileText): Instruction[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const continued = escapeCharacter(lines) === '`' ? /(^|[^`])`[ \t]*$/ : /(^|[^\\])\\[ \t]*$/;
  const instructions: Instruction[] = [];
  for (let number = 0; number < lines.length; number++) {
    if (isSkipped(lines[number]!)) continue;
    const pieces: Piece[] = [];
    let joined = '';
    for (let more = true; more && number < lines.length; number++) {
      const line = lines[number]!;
      if (isSkipped(line)) continue; // docker skips comments and empty lines between continued ones
      more = continued.test(line);
      pieces.push({ offset: joined.length, line: number + 1, column: 1 });
      joined += more ? line.replace(continued, '$1') : line;
    }
    number = skipHeredocs(joined, lines, number) - 1;
    if (joined.trim() !== '') instructions.push(instructionOf(joined, pieces, file, text));
  }
  return instructions;
}

const isSkipped = (line: string): boolean => /^\s*(#|$)/.test(line);

/** `# escape=` in the comments at the top, before anything else. */
function escapeCharacter(lines: string[]): string {
  for (const line of lines) {
    const [, name, value] = /^\s*#\s*([a-zA-Z]+)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (name === undefined) break;
    if (name.toLowerCase() === 'escape') return value!;
  }
  return '\\';
}

/** The bodies of here-documents are no instructions. Answers the line to go on with. */
function skipHeredocs(joined: string, lines: string[], next: number): number {
  if (!/^\s*(RUN|COPY|ADD)\s/i.test(joined)) return next;
  for (const [start, delimiter] of joined.matchAll(heredoc)) {
    // As in a shell: `<<-` lets the end be indented, by tabs alone.
    const isEnd = (line: string) => (start.includes('<<-') ? line.replace(/^\t+/, '') : line) === delimiter;
    const end = lines.findIndex((line, number) => number >= next && isEnd(line));
    if (end !== -1) next = end + 1;
  }
  return next;
}

export const heredoc = /(?:^|\s)<<-?["']?([a-zA-Z_][a-zA-Z0-9_]*)["']?(?=\s|$)/g;

function instructionOf(joined: string, pieces: Piece[], file: string, source: string): Instruction {
  const [, before, keyword, blanks, text] = /^(\s*)(\S+)(\s*)([\s\S]*)$/.exec(joined.trimEnd())!;
  const start = before!.length + keyword!.length + blanks!.length;
  const locate = (offset: number): Required<Position> => {
    const piece = pieces.findLast((each) => each.offset <= offset) ?? pieces[0]!;
    return { file, line: piece.line, column: piece.column + offset - piece.offset };
  };
  return {
    keyword: keyword!.toUpperCase(),
    text: text!,
    at: (offset) => locate(start + offset),
    problem: (code, message, { offset, hint } = {}) => {
      const at = locate(offset === undefined ? before!.length : start + offset);
      const details = { at, excerpt: excerptAt(source, [at.line, at.column]) };
      return problem(code, message, hint === undefined ? details : { ...details, hint });
    },
  };
}
