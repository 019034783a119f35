import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { clip, failed, naturalOrder, ok, printable, problem, type Result, readFileBounded } from '../support/index.ts';
import { repeatedKey } from './repeated-key.ts';

const maxEntries = 100_000;
const maxDepth = 16;
const maxReportBytes = 64 * 2 ** 20;

/**
 * Regular files below a folder whose path there fits a pattern: `*` is any part of a name, `**` any directories. Links
 * are not followed: what a check wrote must not lead to what it did not write. Problem: `report-invalid`, when there is too much.
 */
export async function listFiles(folder: string, pattern: string): Promise<Result<string[]>> {
  const wanted = toExpression(pattern);
  const found: string[] = [];
  let seen = 0;
  const walk = async (path: string, depth: number): Promise<void> => {
    const entries = await readdir(join(folder, path), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      seen += 1;
      if (seen > maxEntries) return;
      const name = path === '' ? entry.name : `${path}/${entry.name}`;
      if (entry.isFile() && wanted.test(name)) found.push(join(folder, name));
      else if (entry.isDirectory() && depth < maxDepth) await walk(name, depth + 1);
    }
  };
  // Nothing above the first * needs to be looked through.
  const fixed = pattern.split('/').slice(0, -1);
  const star = fixed.findIndex((part) => part.includes('*'));
  await walk(fixed.slice(0, star === -1 ? fixed.length : star).join('/'), 0);
  if (seen > maxEntries) {
    return failed(
      problem('report-invalid', `more than ${maxEntries} files where ${pattern} is looked for`, {
        hint: 'name a directory of its own',
      }),
    );
  }
  return ok(found.sort(naturalOrder));
}

function toExpression(pattern: string): RegExp {
  const parts = pattern.split('/').map((part) => (part === '**' ? part : part.split(/\*+/).map(escaped).join('[^/]*')));
  const text = parts
    .map((part, index) => (part === '**' ? '(?:[^/]+/)*' : index === parts.length - 1 ? part : `${part}/`))
    .join('');
  return new RegExp(`^${text}${parts.at(-1) === '**' ? '[^/]+' : ''}$`);
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A report in JSON. Problems: `check-inconclusive`, when there is none; `report-invalid`. */
export async function readReport(file: string, name: string): Promise<Result<unknown>> {
  const bytes = await readFileBounded(file, name, maxReportBytes);
  if (!bytes.ok) {
    const [{ code, message }] = bytes.problems as [(typeof bytes.problems)[0]];
    const hint = 'without a report nothing is known: nothing was recorded';
    return failed(problem(code === 'file-not-found' ? 'check-inconclusive' : 'report-invalid', message, { hint }));
  }
  if (bytes.value.length === 0) {
    return failed(
      problem('check-inconclusive', `${name} is empty`, {
        hint: 'without a report nothing is known: nothing was recorded',
      }),
    );
  }
  const refuse = (why: string) =>
    failed(problem('report-invalid', `${name} ${why}`, { hint: 'look at what wrote it; nothing was recorded' }));
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.value);
    const report: unknown = JSON.parse(text);
    const key = repeatedKey(text);
    return key === undefined ? ok(report) : refuse(`has '${clip(printable(key), 100)}' twice in one object`);
  } catch (error) {
    return refuse(`is no JSON: ${(error as Error).message.slice(0, 200)}`);
  }
}
