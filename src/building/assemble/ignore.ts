import { lstat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { failed, ok, problem, type Result, readFileBounded } from '../../support/index.ts';

export interface IgnoreRules {
  ignores(path: string): boolean;
  /** Whether some pattern begins with `!`, so that an ignored directory may have something in it all the same. */
  hasExceptions: boolean;
}

const maxBytes = 2 ** 20;

/**
 * The rules of `.dockerignore` (docs.docker.com, "Build context"). Patterns are rooted at the context and the last one
 * that fits decides, also below an ignored directory. gitignore differs in both, so each pattern is a matcher of its own.
 */
export async function readIgnoreRules(context: string): Promise<Result<IgnoreRules>> {
  const path = join(context, '.dockerignore');
  const found = await lstat(path).catch(() => undefined);
  if (!found) return ok({ ignores: () => false, hasExceptions: false });
  if (!found.isFile())
    return failed(problem('context-invalid', `${path} is not a regular file`, { hint: 'make it one' }));
  const text = await readFileBounded(path, path, maxBytes);
  if (!text.ok) return text;
  const { default: ignore } = await import('ignore');
  const rules = parsePatterns(text.value.toString('utf8')).map(({ pattern, isException }) => ({
    matcher: ignore({ ignorecase: false }).add(`/${pattern}`),
    isException,
  }));
  return ok({
    ignores: (name) => rules.findLast(({ matcher }) => matcher.ignores(name))?.isException === false,
    hasExceptions: rules.some(({ isException }) => isException),
  });
}

function parsePatterns(text: string): { pattern: string; isException: boolean }[] {
  return text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .map((line) => ({ pattern: line.replace(/^!\s*/, ''), isException: line.startsWith('!') }))
    .map((rule) => ({ ...rule, pattern: posix.normalize(rule.pattern).replace(/^\/+|\/+$/g, '') }))
    .filter(({ pattern }) => pattern !== '' && pattern !== '.');
}
