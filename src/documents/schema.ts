import type { ErrorObject } from 'ajv';
import { didYouMean, type Problem, type ProblemCode } from '../support/index.ts';
import type { Document } from './document.ts';

/** What the build makes of a schema. Its errors carry the part of the schema they come from (ajv's `verbose`). */
export interface CompiledSchema {
  (value: unknown): boolean;
  errors?: ErrorObject[] | null;
}

/** Nobody reads more of one file; making a hundred thousand would take longer than reading it. */
const maxFindings = 10_000;

/**
 * Check a document against its schema (JSON Schema 2020-12). Every finding, in the order of the file; of very many the first
 * that the schema comes to, and that there are more.
 */
export function checkSchema(compiled: CompiledSchema, document: Document<unknown>): Problem[] {
  if (compiled(document.value)) return [];
  const errors = compiled.errors ?? [];
  const problems = errors.slice(0, maxFindings).flatMap((error) => toProblem(error, document) ?? []);
  if (errors.length > maxFindings) {
    const hint = 'mend what is shown first, or see whether this is the file that was meant';
    problems.push(document.problem('wrong-value', [], 'there are more findings than are shown', { hint }));
  }
  const unique = new Map(problems.map((each) => [`${each.at?.line}:${each.at?.column}:${each.message}`, each]));
  return [...unique.values()].sort(
    (left, right) => left.at!.line! - right.at!.line! || left.at!.column! - right.at!.column!,
  );
}

function toProblem(error: ErrorObject, document: Document<unknown>): Problem | undefined {
  const path = error.instancePath.split('/').slice(1).map(unescapePointer);
  const found = error.data;
  const where = nameOf(path, document.value);
  const parent = error.parentSchema;
  const expected = typeof parent?.title === 'string' ? parent.title : undefined;
  const report = (code: ProblemCode, message: string, part: 'key' | 'value', hint?: string, at: string[] = path) =>
    document.problem(code, at, message, { part, ...(hint === undefined ? {} : { hint }) });

  const key = error.propertyName;
  if (key !== undefined) {
    const form =
      expected ?? (error.keyword === 'enum' ? `one of: ${error.params.allowedValues.join(', ')}` : 'another form');
    return report('wrong-value', `'${key}' cannot be a key here: expected ${form}`, 'key', undefined, [...path, key]);
  }
  switch (error.keyword) {
    case 'additionalProperties': {
      const key = String(error.params.additionalProperty);
      const known = Object.keys((parent?.properties as object) ?? {});
      const hint = didYouMean(key, known) ?? (known.length > 0 ? `known here: ${known.join(', ')}` : undefined);
      return report('unknown-key', `unknown key '${key}'`, 'key', hint, [...path, key]);
    }
    case 'required':
      return report(
        'missing-key',
        `${where} lacks '${error.params.missingProperty}'`,
        'key',
        `add '${error.params.missingProperty}:'`,
      );
    case 'type': {
      if (parent?.$ref !== undefined) return undefined; // said, in better words, by what it refers to
      const number = typeof found === 'number' && String(error.params.type).includes('string');
      const hint = number ? `put it in quotes: "${found}"` : undefined;
      return report('wrong-type', `${where} must be ${expected ?? article(error.params.type)}`, 'value', hint);
    }
    case 'enum': {
      const allowed = (error.params.allowedValues as unknown[]).map(String);
      const hint = (typeof found === 'string' && didYouMean(found, allowed)) || undefined;
      return report('wrong-value', `${where} must be one of: ${allowed.join(', ')}`, 'value', hint);
    }
    case 'const':
      return report('wrong-value', `${where} must be '${error.params.allowedValue}'`, 'value');
    case 'pattern':
      return report('wrong-value', `${where} must be ${expected ?? `of the form ${error.params.pattern}`}`, 'value');
    case 'propertyNames':
    case 'if':
      return undefined; // said by the error that caused it
    default:
      return report('wrong-value', `${where} ${error.message ?? 'is not allowed'}`, 'value');
  }
}

/** What stands at a path, as a person would call it. */
function nameOf(path: readonly string[], value: unknown): string {
  if (path.length === 0) return 'the file';
  let parent = value;
  for (const step of path.slice(0, -1)) parent = (parent as Record<string, unknown> | undefined)?.[step];
  return Array.isArray(parent)
    ? `item ${Number(path.at(-1)) + 1} of '${path.at(-2) ?? 'the file'}'`
    : `'${path.at(-1)}'`;
}

function article(type: unknown): string {
  const names: Record<string, string> = {
    object: 'a map of keys and values',
    array: 'a list',
    string: 'text',
    boolean: 'true or false',
    integer: 'a whole number',
    number: 'a number',
    null: 'empty',
  };
  return (Array.isArray(type) ? type : String(type).split(',')).map((each) => names[each] ?? each).join(' or ');
}

const unescapePointer = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');
