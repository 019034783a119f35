import type { CommandRun } from '../../plugins/index.ts';
import { printable, unwrap } from '../../support/index.ts';
import { showStatement } from '../../verifying/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { printJson, safeJson } from '../json.ts';

export const run: CommandRun = async (context, [name]) => {
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const shown = unwrap(await showStatement(workspace, name!, context.cwd));
  if (context.json) {
    printJson(context, { schema: 'dmrel/evidence-statement/v1', ...shown } as never);
    return 0;
  }
  const { file, digest, signedBy, signed, counts, why, statement } = shown;
  const who = signedBy ?? (signed ? 'a key that is not trusted here' : 'nobody');
  context.out(`${printable(file)}\n${digest}\nsigned by ${printable(who)}\n`);
  context.out(counts ? 'counts\n\n' : `counts for nothing: ${printable(why ?? '')}\n\n`);
  context.out(`${safeJson(statement)}\n`);
  return 0;
};
