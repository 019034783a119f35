import { type BuildOptions, proveReproducible, type Reproducibility } from '../building/index.ts';
import type { CommandContext } from '../plugins/index.ts';
import { count, exitCodeOf, printable, unwrap } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { printJson } from './json.ts';
import { renderProblems } from './output/problems.ts';

/** `dmrel build --check-reproducible`: build twice, compare, publish nothing. */
export async function checkReproducible(
  context: CommandContext,
  workspace: Workspace,
  options: BuildOptions,
  follow: boolean,
): Promise<number> {
  const proven = unwrap(
    await proveReproducible(workspace, options, {
      now: context.now,
      signal: context.interrupt,
      tell: (text) => context.err(`${text}\n`),
      ...(follow
        ? { follow: (image: string) => (line: string) => context.err(`${image} | ${printable(line)}\n`) }
        : {}),
    }),
  );
  const { release, proofs, problems } = proven;
  if (context.json) printJson(context, documentOf(proven) as never);
  else {
    const same = proofs.filter((each) => each.same);
    const lines = same.map(({ image, first }) => `  ${image}@${first}\n`);
    context.out(
      `${release}: ${same.length} of ${count(proofs.length, 'image')} came out the same twice\n${lines.join('')}`,
    );
    context.err(await renderProblems(problems, context));
  }
  return exitCodeOf(problems);
}

const documentOf = ({ release, proofs, problems }: Reproducibility) => ({
  schema: 'dmrel/reproducibility/v1',
  release,
  reproducible: problems.length === 0,
  images: proofs,
  problems,
});
