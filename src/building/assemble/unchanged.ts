import { failed, ok, problem, type Result } from '../../support/index.ts';
import type { BuildRequest } from '../engine.ts';
import { contextDigest } from './context.ts';

/** Whether a context is still the one that was decided on: people edit while others build. Problem: `context-invalid`. */
export async function contextIs(
  expected: BuildRequest['contextDigest'],
  { name, context, extraFiles }: Pick<BuildRequest, 'name' | 'context' | 'extraFiles'>,
): Promise<Result<void>> {
  if (expected === undefined) return ok(undefined);
  const found = await contextDigest(context, extraFiles);
  if (!found.ok) return found;
  if (found.value === expected) return ok(undefined);
  const hint = 'run the same command again';
  return failed(
    problem('context-invalid', `the context of ${name} changed since the build was planned`, { hint, subject: name }),
  );
}
