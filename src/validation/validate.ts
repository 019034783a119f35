import { readdir } from 'node:fs/promises';
import { DocumentCache, withPositions } from '../documents/index.ts';
import { openTrust } from '../evidence/index.ts';
import { findItem, type Roadmap, requireMilestone } from '../milestones/index.ts';
import {
  type Product,
  parseOrigin,
  readBuildManifest,
  readEupsList,
  readGroups,
  readProductIndex,
} from '../products/index.ts';
import { readAllReleases, readLevel } from '../releases/index.ts';
import { didYouMean, type Problem } from '../support/index.ts';
import { findWorkspace, openWorkspace, readRoadmap, transportsOf, type Workspace } from '../workspace/index.ts';

export interface Validation {
  problems: Problem[];
  /** How many of each were read. */
  counts: Record<'milestones' | 'features' | 'externals' | 'products' | 'manifests' | 'releases' | 'levels', number>;
}

/** Read everything a workspace holds and report every finding of every file at once. */
export async function validateWorkspace(start: string, env: NodeJS.ProcessEnv): Promise<Validation> {
  const root = findWorkspace(start);
  const opened = await openWorkspace(start, env);
  const counts = { milestones: 0, features: 0, externals: 0, products: 0, manifests: 0, releases: 0, levels: 0 };
  if (!opened.ok) {
    // Without dmrel.yaml there is no workspace at all; a faulty one still has milestones that can be read.
    if (!root.ok) return { problems: root.problems, counts };
    const { roadmap, problems } = await readRoadmap({
      root: root.value,
      cache: DocumentCache.open(root.value, 'plan', env),
    });
    countItems(roadmap.items.values(), counts);
    return { problems: [...opened.problems, ...problems], counts };
  }
  const workspace = opened.value;
  const { roadmap, problems } = await readRoadmap(workspace);
  problems.unshift(...workspace.warnings);
  countItems(roadmap.items.values(), counts);
  problems.push(...(await checkProducts(workspace, counts)));
  problems.push(...(await withPositions(() => checkMilestones(workspace, roadmap))));
  problems.push(...(await withPositions(() => checkFeatures(workspace, roadmap))));
  const trust = await openTrust(workspace);
  if (!trust.ok) problems.push(...trust.problems);
  const releases = await readAllReleases(workspace.root);
  counts.releases = releases.records.length;
  problems.push(...releases.problems);
  for (const level of Object.keys(workspace.config.levels ?? {})) {
    const read = await readLevel(workspace.root, level);
    if (read.ok) counts.levels += 1;
    else problems.push(...read.problems);
  }
  return { problems, counts };
}

function countItems(
  items: Iterable<{ kind: 'milestone' | 'feature' | 'external' }>,
  counts: Validation['counts'],
): void {
  for (const { kind } of items) counts[`${kind}s`] += 1;
}

async function checkProducts(workspace: Workspace, counts: Validation['counts']): Promise<Problem[]> {
  const { config, root } = workspace;
  if (!config.products) return [];
  const index = await readProductIndex(root, config.products.index, transportsOf(config));
  const problems = index.ok ? [] : [...index.problems];
  if (index.ok) {
    counts.products = index.value.products.size;
    const groups = await readGroups(workspace, index.value.products.keys());
    if (!groups.ok) problems.push(...groups.problems);
    problems.push(...(await withPositions(() => checkProductNames(workspace, index.value.products))));
  }
  problems.push(...(await withPositions(() => checkOrigins(workspace))));
  const { manifests, eupsTags } = config.products;
  for (const id of await namesIn(root, manifests, /^(b[0-9]+)\.txt$/)) {
    const manifest = await readBuildManifest(root, manifests!, id);
    if (manifest.ok) counts.manifests += 1;
    else problems.push(...manifest.problems);
  }
  for (const tag of await namesIn(root, eupsTags, /^(.*)\.list$/)) {
    const list = await readEupsList(root, eupsTags!, tag);
    if (!list.ok) problems.push(...list.problems);
  }
  return problems;
}

/** What stands in a directory of the workspace; a server is asked for nothing, for validating needs no network. */
async function namesIn(root: string, source: string | undefined, form: RegExp): Promise<string[]> {
  const origin = source === undefined ? undefined : parseOrigin(root, source);
  if (!origin?.ok || origin.value.kind === 'server') return [];
  const files = await readdir(origin.value.path).catch(() => []);
  return files.flatMap((file) => form.exec(file)?.[1] ?? []).sort();
}

function checkOrigins({ root, config, document }: Workspace): Problem[] {
  return (['manifests', 'eupsTags'] as const).flatMap((key) => {
    const source = config.products?.[key];
    const origin = source === undefined ? undefined : parseOrigin(root, source);
    if (!origin || origin.ok) return [];
    // Without the line itself: it may hold a password.
    return origin.problems.map((each) => ({ ...each, at: document.locate(['products', key], 'value') }));
  });
}

/** Milestones that levels wait for must be in the plan. */
function checkMilestones({ config, document }: Workspace, roadmap: Roadmap): Problem[] {
  return Object.entries(config.levels ?? {}).flatMap(([level, { milestone }]) => {
    const found = milestone === undefined ? undefined : requireMilestone(roadmap, milestone);
    if (!found || found.ok) return [];
    return found.problems.map(({ message, hint = '' }) =>
      document.problem('unknown-id', ['levels', level, 'milestone'], message, { hint, part: 'value' }),
    );
  });
}

/** Features that checks verify must be in the plan. */
function checkFeatures({ config, document }: Workspace, roadmap: Roadmap): Problem[] {
  return Object.entries(config.checks ?? {}).flatMap(([check, { verifies = [] }]) =>
    verifies.flatMap((id, index) => {
      const found = findItem(roadmap, id);
      if (found?.kind === 'feature') return [];
      const known = [...roadmap.items.values()].flatMap((each) => (each.kind === 'feature' ? [each.id] : []));
      const hint = didYouMean(id, known) ?? "define it under 'features:' in a file of milestones/";
      const message = found ? `${found.id} is a ${found.kind}, not a feature` : `there is no feature '${id}'`;
      return [document.problem('unknown-id', ['checks', check, 'verifies', index], message, { hint, part: 'value' })];
    }),
  );
}

/** Products that images have must be in the index. */
function checkProductNames({ config, images }: Workspace, products: Map<string, Product>): Problem[] {
  const written = new Map([...images.values()].map((image) => [`${image.document.file} ${image.family}`, image]));
  return [...written.values()].flatMap((image) =>
    (image.config.products ?? []).flatMap((name, position) => {
      if (products.has(name)) return [];
      const hint = didYouMean(name, products.keys()) ?? `add it to ${config.products!.index}`;
      const at = ['images', image.family, 'products', position];
      return [image.document.problem('unknown-product', at, `there is no product '${name}'`, { hint })];
    }),
  );
}
