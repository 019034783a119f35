import type { CommandRun } from '../../plugins/index.ts';
import { count, exitCodeOf, unwrap } from '../../support/index.ts';
import { verifyEvidence } from '../../verifying/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { printJson } from '../json.ts';
import { renderProblems } from '../output/problems.ts';

export const run: CommandRun = async (context, _args, options) => {
  const release = options.release === undefined ? undefined : String(options.release);
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const { releases, problems } = unwrap(await verifyEvidence(workspace, release));
  const trust = workspace.config.trust !== undefined;
  const code = exitCodeOf(problems);
  if (context.json) {
    printJson(context, {
      schema: 'dmrel/evidence-verification/v1',
      trust,
      sound: code === 0,
      releases,
      problems,
    } as never);
    return code === 0 ? 0 : 1;
  }
  context.err(await renderProblems(problems, context));
  const sum = (of: 'statements' | 'counting') => releases.reduce((total, each) => total + each[of], 0);
  const where = count(releases.length, 'release');
  context.out(`${sum('counting')} of ${count(sum('statements'), 'statement')} of ${where} count\n`);
  if (!trust) context.err('this workspace trusts no keys: no signature was verified\n');
  return code === 0 ? 0 : 1;
};
