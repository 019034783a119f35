import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  type ParsedNode,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import type { ProblemCode } from '../support/index.ts';

/** Where something stands: line and column, from 1. */
export type Place = [line: number, column: number];
export type Path = readonly (string | number)[];

/** A finding about the text itself, before any schema is asked. */
export interface SyntaxFinding {
  code: ProblemCode;
  message: string;
  hint?: string;
  place: Place;
}

export interface ParsedYaml {
  /** Plain data; absent when the text could not be understood. */
  value?: unknown;
  /** Where each key of the first two levels stands, by its path joined with a NUL. */
  keys: Record<string, Place>;
  findings: SyntaxFinding[];
  /** Where the key (or list item) at a path stands, else its nearest parent. */
  locate(path: Path, part?: 'key' | 'value'): Place;
}

const maxDepth = 64;
const maxAliasedValues = 100_000;
const maxFindings = 100;
/** Marks of the language in one text. The library keeps a kilobyte for each, and more for those that stand wrongly. */
const maxMarks = 500_000;
const depthHint = { hint: `manifests nest at most ${maxDepth} levels` };

/**
 * Parse one YAML 1.2 document into plain data, keeping positions. Duplicate keys, unknown tags, deep nesting and
 * aliases that multiply ("bombs") and texts of nothing but marks are findings; time and memory stay linear in the size of
 * the text.
 */
export function parseYaml(text: string): ParsedYaml {
  const lines = new LineCounter();
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return [Math.max(1, line), Math.max(1, col)];
  };
  const parsed: ParsedYaml = { keys: {}, findings: [], locate: () => [1, 1] };
  const report = (offset: number, code: ProblemCode, message: string, details: { hint?: string } = {}) => {
    if (parsed.findings.length < maxFindings) parsed.findings.push({ code, message, place: place(offset), ...details });
  };

  const excess = excessPlace(text);
  if (excess !== undefined) {
    for (let at = 0; at <= excess; at = text.indexOf('\n', at) + 1 || Infinity) lines.addNewLine(at);
    const hint = 'split it, or move what does not belong here';
    report(excess, 'file-too-large', `more than ${maxMarks} values, lists and maps in one file`, { hint });
    return parsed;
  }
  let document: Document.Parsed<ParsedNode>;
  try {
    // uniqueKeys of the library compares every key with every other; the walk below asks a map.
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, stringKeys: true });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    report(deepPlace(text), 'yaml-too-deep', 'nested too deeply', depthHint);
    return parsed;
  }
  const exhausted = document.errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
  if (exhausted) {
    report(deepPlace(text), 'yaml-too-deep', 'nested too deeply', depthHint);
    return parsed;
  }
  const nul = text.indexOf('\0');
  if (nul !== -1) {
    // A file that was cut off by a crash, or no text at all; the library would take it for a letter.
    report(nul, 'yaml-syntax', 'a NUL byte stands here', { hint: 'the file is damaged or no text; restore it' });
    return parsed;
  }
  for (const { code, pos, message } of [...document.errors, ...document.warnings]) {
    if (code === 'MULTIPLE_DOCS')
      report(pos[0], 'yaml-syntax', 'a second document begins here', { hint: 'keep one to a file' });
    else if (code === 'TAG_RESOLVE_FAILED')
      report(pos[0], 'yaml-syntax', sentence(message), { hint: 'take the tag out: a value is what it looks like' });
    else report(pos[0], 'yaml-syntax', sentence(message));
  }
  const { explicit, version } = document.directives.yaml;
  if (explicit && version !== '1.2') {
    const hint = "take the line out: manifests are YAML 1.2, in which 'yes' is a word";
    report(Math.max(0, text.search(/^%YAML/m)), 'yaml-syntax', `this says it is YAML ${version}`, { hint });
  }
  parsed.locate = (path, part = 'key') => place(offsetOf(document.contents, path, part));
  if (parsed.findings.length > 0) return parsed;

  const anchors = new Map<string, { value: unknown; size: number }>();
  let aliased = 0;
  let size = 0;
  let sound = true;
  const refuse = (offset: number, code: ProblemCode, message: string, details: { hint?: string } = {}) => {
    sound = false;
    report(offset, code, message, details);
  };

  const convert = (node: Node | null, depth: number, path: string): unknown => {
    size += 1;
    if (node === null || node === undefined) return null;
    const offset = node.range?.[0] ?? 0;
    if (depth > maxDepth) {
      refuse(offset, 'yaml-too-deep', 'nested too deeply', depthHint);
      return null;
    }
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (!target) {
        refuse(offset, 'yaml-aliases', `alias '*${node.source}' has no anchor before it`);
        return null;
      }
      aliased += target.size;
      size += target.size;
      if (aliased > maxAliasedValues && sound) {
        const hint = 'write the values out, without anchors';
        refuse(offset, 'yaml-aliases', `aliases expand to more than ${maxAliasedValues} values`, { hint });
      }
      return target.value;
    }
    const before = size;
    const value = convertContent(node, depth, path);
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined) anchors.set(anchor, { value, size: size - before + 1 });
    return value;
  };

  const convertContent = (node: Node, depth: number, path: string): unknown => {
    if (isSeq(node)) return node.items.map((item) => convert(item as Node | null, depth + 1, ''));
    if (isMap(node)) return convertMap(node, depth, path);
    return isScalar(node) ? node.value : null;
  };

  const convertMap = (node: YAMLMap, depth: number, path: string): unknown => {
    const seen = new Map<string, number>();
    const value: Record<string, unknown> = {};
    for (const pair of node.items) {
      const key = keyText(pair);
      const offset = (pair.key as Node | null)?.range?.[0] ?? node.range?.[0] ?? 0;
      const earlier = seen.get(key);
      if (earlier !== undefined) {
        const hint = `it stands in line ${place(earlier)[0]} already; keep one of the two`;
        refuse(offset, 'duplicate-key', `duplicate key '${key}'`, { hint });
        continue;
      }
      seen.set(key, offset);
      const keyPath = depth < 2 ? (path === '' ? key : `${path}\0${key}`) : '';
      if (keyPath !== '') parsed.keys[keyPath] = place(offset);
      const inner = convert(pair.value as Node | null, depth + 1, keyPath);
      if (key === '<<')
        refuse(offset, 'yaml-syntax', "'<<' merges nothing in YAML 1.2", { hint: 'write the keys out' });
      if (key === '__proto__') refuse(offset, 'unknown-key', `a key cannot be called '__proto__'`);
      else value[key] = inner;
    }
    return value;
  };

  const value = convert(document.contents, 0, '');
  if (sound) parsed.value = value;
  return parsed;
}

/** Where a text has more marks than may be; undefined for any that a person wrote. */
function excessPlace(text: string): number | undefined {
  if (text.length <= maxMarks) return undefined;
  const marks = /[[\]{},"'&*!#\n]|[-?:](?=\s)/g;
  for (let count = 0; marks.test(text); ) {
    count += 1;
    if (count > maxMarks) return marks.lastIndex - 1;
  }
  return undefined;
}

/**
 * About where a text nests deeper than it may: the bracket, or else the line. Where the library gives up depends on the
 * stack of the machine; the same file is to have the same finding everywhere.
 */
function deepPlace(text: string): number {
  let brackets = 0;
  const indents: number[] = [];
  for (const { 0: line, index } of text.matchAll(/[^\n]+/g)) {
    const start = line.search(/[^ ]/);
    if (start === -1 || line[start] === '#') continue;
    // `- - a` nests as often as it has dashes.
    for (let at = start; brackets === 0; at += 2) {
      while (indents.length > 0 && indents.at(-1)! >= at) indents.pop();
      indents.push(at);
      if (indents.length > maxDepth) return index + at;
      if (!line.startsWith('- ', at)) break;
    }
    for (const bracket of line.matchAll(/[[\]{}]/g)) {
      brackets = Math.max(0, brackets + (bracket[0] === '[' || bracket[0] === '{' ? 1 : -1));
      if (brackets > maxDepth) return index + bracket.index;
    }
  }
  return 0;
}

function sentence(message: string): string {
  return message.replace(/\s+/g, ' ').replace(/ at line \d+, column \d+:?$/, '');
}

const pairs = new WeakMap<YAMLMap, Map<string, Pair>>();

/** A map's pairs by key, made once a map: a file may have as many findings as keys. */
function pairsOf(map: YAMLMap): Map<string, Pair> {
  let known = pairs.get(map);
  if (!known) {
    known = new Map(map.items.map((pair) => [keyText(pair), pair]));
    pairs.set(map, known);
  }
  return known;
}

const keyText = ({ key }: Pair): string => (isScalar(key) ? String(key.value) : '');

/** The offset of the key or value at a path, or of the nearest parent that exists. */
function offsetOf(root: Node | null, path: Path, part: 'key' | 'value'): number {
  let node: Node | null = root;
  let offset = root?.range?.[0] ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = pairsOf(node).get(String(step));
      if (!pair) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = (pair.value as Node | null) ?? null;
    } else if (isSeq(node)) {
      const item = node.items[Number(step)] as Node | undefined;
      if (!item) return offset;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else return offset;
  }
  return part === 'value' ? (node?.range?.[0] ?? offset) : offset;
}
