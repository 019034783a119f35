import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';
import {
  didYouMean,
  errorsOf,
  failed,
  ok,
  type Problem,
  problem,
  type Result,
  readFileBounded,
} from '../support/index.ts';
import type { DocumentCache } from './cache.ts';
import { type Document, documentOf, excerptAt } from './document.ts';
import type { CompiledSchema } from './schema.ts';
import type { ParsedYaml, Place } from './yaml.ts';

/** Real ones have kilobytes. What the parser needs is bounded by the marks in a text, too (yaml.ts). */
export const maxDocumentBytes = 4 * 2 ** 20;

export interface ReadOptions {
  cache?: DocumentCache;
  /** The schemas that may stand here. One alone may also be left undeclared when `undeclared` is set. */
  schemas: readonly string[];
  /** Files of others (a product index) that carry no `schema:` line. */
  undeclared?: boolean;
}

/**
 * Read, parse and check one YAML file. All its findings at once; the value only when it is sound.
 * @param file the path from `root`, which is also how messages call it
 */
export async function readDocument<T>(root: string, file: string, options: ReadOptions): Promise<Result<Document<T>>> {
  const bytes = await readFileBounded(join(root, file), file, maxDocumentBytes);
  if (!bytes.ok) return bytes;
  const text = decodeUtf8(bytes.value, file);
  if (!text.ok) return text;
  return parseDocument<T>(file, text.value, options);
}

/** The same for text that is at hand. */
export async function parseDocument<T>(file: string, text: string, options: ReadOptions): Promise<Result<Document<T>>> {
  const cached = options.cache?.get(file, text);
  if (cached && options.schemas.includes(cached.schema)) {
    return ok(documentOf({ file, ...cached, value: cached.value as T }));
  }

  const { parseYaml } = await import('./yaml.ts');
  const parsed = parseYaml(text);
  if (parsed.findings.length > 0) {
    return failed(
      ...parsed.findings.map(({ code, message, hint, place }) =>
        problem(code, message, { at: at(file, place), excerpt: excerptAt(text, place), ...(hint ? { hint } : {}) }),
      ),
    );
  }
  const schema = declaredSchema(file, text, parsed, options);
  if (!schema.ok) return schema;
  const source = { file, schema: schema.value, text, value: parsed.value as T, keys: parsed.keys };
  const document = documentOf(source, parsed);
  const { checkSchema } = await import('./schema.ts');
  const problems = checkSchema(await compiledSchema(schema.value), document);
  if (errorsOf(problems).length > 0) return failed(...problems);
  options.cache?.put(file, { text, schema: schema.value, value: parsed.value, keys: parsed.keys });
  return ok(document);
}

/** Whether a value that is in no file has the form of a schema. */
export const fitsSchema = async (schema: string, value: unknown): Promise<boolean> =>
  (await compiledSchema(schema))(value);

const at = (file: string, [line, column]: Place) => ({ file, line, column });

async function compiledSchema(name: string): Promise<CompiledSchema> {
  const { validators } = await import('#validators');
  const found = validators[name];
  if (!found) throw new Error(`no compiled schema '${name}'`);
  return found;
}

function declaredSchema(file: string, text: string, parsed: ParsedYaml, options: ReadOptions): Result<string> {
  const { schemas, undeclared } = options;
  if (undeclared) return ok(schemas[0]!);
  const value = parsed.value;
  const expected = schemas.length === 1 ? `'schema: ${schemas[0]}'` : `one of: ${schemas.join(', ')}`;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    const place = parsed.locate([]);
    const excerpt = value === null ? {} : { excerpt: excerptAt(text, place) };
    const details = { at: at(file, place), ...excerpt, hint: `begin it with ${expected}` };
    return failed(problem('wrong-type', `${file} holds no map of keys and values`, details));
  }
  const declared = (value as { schema?: unknown }).schema;
  if (declared === undefined) {
    const place = parsed.locate([]);
    const details = { at: at(file, place), excerpt: excerptAt(text, place), hint: `add ${expected}` };
    return failed(problem('missing-key', `${file} has no 'schema:' line`, details));
  }
  if (typeof declared === 'string' && schemas.includes(declared)) return ok(declared);
  const place = parsed.locate(['schema'], 'value');
  const hint = didYouMean(String(declared), schemas) ?? `expected ${expected}`;
  const details = { at: at(file, place), excerpt: excerptAt(text, place), hint };
  return failed(problem('unknown-schema', `unknown schema '${String(declared)}'`, details));
}

/** UTF-8, with or without a byte order mark. Anything else is named with its line. */
export function decodeUtf8(bytes: Uint8Array, file: string): Result<string> {
  // Not a TextDecoder: it loads ICU, which takes longer than reading the files.
  if (isUtf8(bytes)) {
    const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    return ok(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', marked ? 3 : 0));
  }
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return failed(problem('not-utf8', `${file} is UTF-16`, { at: { file }, hint: 'save it as UTF-8' }));
  }
  return failed(brokenUtf8(bytes, file));
}

function brokenUtf8(bytes: Uint8Array, file: string): Problem {
  let [sound, broken] = [0, bytes.length];
  while (broken - sound > 1) {
    const middle = (sound + broken) >> 1;
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      sound = middle;
    } catch {
      broken = middle;
    }
  }
  // The first bytes of a broken character were sound as far as they went: it begins where the whole ones end.
  const keepMark = { ignoreBOM: true };
  const whole = new TextDecoder('utf-8', keepMark).decode(bytes.subarray(0, sound), { stream: true });
  const byte = `0x${bytes[Buffer.byteLength(whole)]!.toString(16)}`;
  const lines = whole.replace(/^\ufeff/, '').split('\n');
  const place: Place = [lines.length, lines.at(-1)!.length + 1];
  const excerpt = excerptAt(new TextDecoder('utf-8').decode(bytes), place);
  return problem('not-utf8', `broken UTF-8: byte ${byte}`, {
    at: at(file, place),
    excerpt,
    hint: 'save the file as UTF-8',
  });
}
