import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { CommandContext, CommandRun } from '../../plugins/index.ts';
import { readProductIndex } from '../../products/index.ts';
import { type ReleaseRecord, readAllReleases, requireRelease } from '../../releases/index.ts';
import {
  count,
  exitCodeOf,
  Failure,
  ok,
  type Problem,
  problem,
  type Result,
  readFileBounded,
  unwrap,
} from '../../support/index.ts';
import { checkSignatures, compareReleases, type SignatureResult, type TagVerdict } from '../../tagging/index.ts';
import { need, openWorkspace, transportsOf, type Workspace } from '../../workspace/index.ts';
import { printJson } from '../json.ts';
import { renderProblems } from '../output/problems.ts';
import { jobsPerHost, stayLittle } from '../tag-run.ts';

/** Compare all remotes with the record of one release. */
export const verify: CommandRun = async (context, [release], options) => {
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const record = unwrap(await requireRelease(workspace.root, release!));
  return compare(context, workspace, [record], { signatures: options.signatures === true });
};

/** The same for every release there is: each remote is asked once. */
export const audit: CommandRun = async (context, _args, options) => {
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const { records, problems } = await readAllReleases(workspace.root);
  if (problems.length > 0) throw new Failure(...problems);
  return compare(context, workspace, records, { signatures: options.signatures === true });
};

async function compare(
  context: CommandContext,
  workspace: Workspace,
  records: readonly ReleaseRecord[],
  { signatures }: { signatures: boolean },
): Promise<number> {
  await stayLittle();
  const config = unwrap(need(workspace, 'products', 'there is nothing to look at'));
  const index = unwrap(await readProductIndex(workspace.root, config.index, transportsOf(workspace.config)));
  const look = { signal: context.interrupt, jobsPerHost, looked: () => {} };
  const recorded = Object.fromEntries(records.map(({ name, products }) => [name, products]));
  const { results, problems } = await compareReleases(recorded, index.products, look);
  const verdicts = records.map(({ name }) => ({ release: name as string, products: results[name]! }));
  problems.push(...verdicts.flatMap(({ release, products }) => products.flatMap((each) => drift(release, each))));
  const signed = signatures ? await verifySignatures(workspace, records, results, index.products, look) : undefined;
  problems.push(...(signed?.problems ?? []));
  if (context.json) {
    const releases = verdicts.map((each) => ({
      ...each,
      ...(signed ? { signatures: signed.byRelease[each.release]! } : {}),
    }));
    printJson(context, {
      schema: 'dmrel/tag-verification/v1',
      sound: problems.length === 0,
      releases,
      problems,
    } as never);
    return exitCodeOf(problems);
  }
  if (records.length === 0) context.out('no release has a record\n');
  for (const { release, products } of verdicts) {
    const good = products.filter(({ state }) => state === 'ok').length;
    const wrong = Object.keys(recorded[release]!).length - good;
    const well = signed ? `, ${signed.byRelease[release]!.filter((each) => each.good).length} signed and verified` : '';
    const tags = `${good} of ${count(good + wrong, 'tag')} as recorded${well}`;
    context.out(`${release}: ${tags}\n`);
  }
  context.err(await renderProblems(problems, context));
  return exitCodeOf(problems);
}

const said = {
  moved: 'was moved',
  deleted: 'was deleted',
  recreated: 'was made again, by somebody else or at another time',
  lightweight: 'was replaced by a lightweight tag',
} as const;

function drift(release: string, { product, tag, state, expected, found }: TagVerdict): Problem[] {
  if (state === 'ok') return [];
  const there = found ? `; it is ${found.object.slice(0, 12)} on ${found.commit.slice(0, 12)}` : '';
  const was = `recorded as ${expected.object.slice(0, 12)} on ${expected.commit.slice(0, 12)}`;
  const hint = `ask who keeps ${product}`;
  return [
    problem('tag-drift', `${release}: ${tag} of ${product} ${said[state]}${there}, ${was}`, { hint, subject: product }),
  ];
}

async function verifySignatures(
  workspace: Workspace,
  records: readonly ReleaseRecord[],
  verdicts: Readonly<Record<string, readonly TagVerdict[]>>,
  products: Parameters<typeof checkSignatures>[1],
  look: { signal: AbortSignal; jobsPerHost: number; looked: () => void },
): Promise<{ byRelease: Record<string, SignatureResult[]>; problems: Problem[] }> {
  const { root, config } = workspace;
  const allowed = unwrap(await allowedSigners(root, config.tags?.allowedSigners));
  const scratch = await mkdtemp(join(tmpdir(), 'dmrel-verify-'));
  const byRelease: Record<string, SignatureResult[]> = {};
  const problems: Problem[] = [];
  try {
    for (const { name, products: all } of records) {
      // What is not as it was recorded is a finding already.
      const sound = new Set(verdicts[name]!.filter(({ state }) => state === 'ok').map(({ product }) => product));
      const recorded = Object.fromEntries(Object.entries(all).filter(([product]) => sound.has(product)));
      const how = { ...look, jobsPerHost: 8, root, scratch, ...allowed };
      const checked = await checkSignatures(recorded, products, how);
      byRelease[name] = checked.results;
      problems.push(...checked.problems);
      for (const { product, good, says } of checked.results) {
        if (good) continue;
        const hint = "keys that may sign stand in 'tags: {allowedSigners: FILE}', or in git's configuration";
        problems.push(
          problem('tag-drift', `${name}: the tag of ${product} has no good signature: ${says}`, {
            hint,
            subject: product,
          }),
        );
      }
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return { byRelease, problems };
}

/** The file of those who may sign, which must be there: without it nobody's signature would be good. */
async function allowedSigners(root: string, file: string | undefined): Promise<Result<{ allowedSigners?: string }>> {
  if (file === undefined) return ok({});
  const path = resolve(root, file);
  const read = await readFileBounded(path, file, 2 ** 20);
  return read.ok ? ok({ allowedSigners: path }) : read;
}
