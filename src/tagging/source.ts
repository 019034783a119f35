import type { CommitId } from '../git/index.ts';
import type { ReleaseKind, ReleaseName } from '../names/index.ts';
import {
  type BuildManifest,
  crossCheck,
  type Groups,
  judgeGroups,
  narrow,
  type Product,
  readBuildManifest,
  readEupsList,
  readGroups,
  readProductIndex,
} from '../products/index.ts';
import { type ReleaseRecord, type ReleaseSource, requireRelease } from '../releases/index.ts';
import { errorsOf, failed, ok, type Problem, problem, type Result } from '../support/index.ts';
import { need, transportsOf, type Workspace } from '../workspace/index.ts';
import type { Sought } from './look.ts';
import type { TagPlan } from './plan.ts';

/** What the command line says about where commits come from and which products are meant. */
export interface SourceRequest {
  manifest?: string;
  from?: string;
  refs?: readonly string[];
  only?: readonly string[];
  except?: readonly string[];
  limit?: number;
  ignoreManifestVersions?: boolean;
  signal: AbortSignal;
}

export interface Source {
  source: Omit<ReleaseSource, 'contentId'>;
  /** The content id of the manifest, when there is one. */
  contentId?: string;
  sought: Sought[];
  /** Warnings, and what is wrong with single products. */
  problems: Problem[];
}

/**
 * The products a release is of and where the commit of each comes from: the record of the release if it has one, a run
 * that was begun, a build manifest, another release, branches, or the heads. Nothing is asked of any remote yet.
 */
export async function chooseSource(
  workspace: Workspace,
  target: { tag: ReleaseName; kind: ReleaseKind; eupsTag: string },
  request: SourceRequest,
  fixed: { record?: ReleaseRecord; begun?: TagPlan },
): Promise<Result<Source>> {
  const config = need(workspace, 'products', 'there is nothing to tag');
  if (!config.ok) return config;
  const index = await readProductIndex(workspace.root, config.value.index, transportsOf(workspace.config));
  if (!index.ok) return index;
  const { products } = index.value;
  const groups = await readGroups(workspace, [...products.keys()]);
  if (!groups.ok) return groups;
  const naming = (product: Product): Pick<Sought, 'tag' | 'otherForm' | 'auxiliary'> =>
    tagNames(target.tag, target.kind, product.name, groups.value);

  const given = fixed.record?.products ?? fixed.begun?.details.products;
  if (given) {
    // What they narrow down is fixed, and they agreed with it; a name that is none is no reason to do nothing.
    const { only, except } = request;
    const named = narrow([...products.keys()], { ...(only ? { only } : {}), ...(except ? { except } : {}) });
    if (!named.ok) return named;
    return fromRecord(products, given, fixed, naming);
  }

  const chosen = await commitsOf(workspace, target, request, products, groups.value);
  if (!chosen.ok) return chosen;
  const { source, contentId, entries, problems } = chosen.value;
  const narrowed = narrow([...entries.keys()], request);
  if (!narrowed.ok) return narrowed;
  const names = narrowed.value;
  problems.push(...judgeGroups(names, groups.value, config.value.allow));
  const sought = names.map((name): Sought => {
    const product = products.get(name)!;
    return { product, ...naming(product), ...entries.get(name)! };
  });
  return ok({ source, sought, problems, ...(contentId === undefined ? {} : { contentId }) });
}

/** What a record or a begun run has fixed is looked at as it is, whatever the index says of refs now. */
function fromRecord(
  products: ReadonlyMap<string, Product>,
  given: Record<string, { commit: CommitId; tag: string; version?: string; auxiliary?: boolean }>,
  { record, begun }: { record?: ReleaseRecord; begun?: TagPlan },
  naming: (product: Product) => Pick<Sought, 'tag' | 'otherForm' | 'auxiliary'>,
): Result<Source> {
  const { contentId, ...source } = record?.source ?? begun!.details.source;
  const name = record?.name ?? begun!.details.tag;
  const sought: Sought[] = [];
  const problems: Problem[] = [];
  for (const [each, { commit, tag, version, auxiliary }] of Object.entries(given)) {
    const product = products.get(each);
    if (product) {
      const own = { ...naming(product), tag, auxiliary: auxiliary === true };
      if (own.otherForm !== undefined) own.otherForm = tag.startsWith('v') ? tag.slice(1) : `v${tag}`;
      sought.push({ product, ...own, refs: [], strict: false, commit, ...(version === undefined ? {} : { version }) });
      continue;
    }
    const message = `${name} has ${each}, which the index does not have`;
    problems.push(problem('unknown-product', message, { hint: 'put it back into the index', subject: each }));
  }
  return ok({ source, contentId, sought, problems });
}

type Entry = Pick<Sought, 'refs' | 'strict' | 'commit' | 'commitTag' | 'version'>;
interface Chosen {
  source: Source['source'];
  contentId?: string;
  entries: Map<string, Entry>;
  problems: Problem[];
}

async function commitsOf(
  workspace: Workspace,
  target: { kind: ReleaseKind; eupsTag: string },
  request: SourceRequest,
  products: ReadonlyMap<string, Product>,
  groups: Groups,
): Promise<Result<Chosen>> {
  const named = request.manifest !== undefined || request.from !== undefined;
  // What dmrel.yaml says of a kind holds where the command line says nothing of commits.
  const refs = request.refs ?? (named ? [] : (workspace.config.tags?.[target.kind]?.ref ?? []));
  const head = ({ ref }: Product): Entry => ({
    refs: [...refs, ...(ref === undefined ? [] : [ref])],
    strict: ref !== undefined,
  });
  const withRefs = refs.length > 0 ? { refs: [...refs] } : {};
  if (request.from !== undefined) return fromRelease(workspace, request.from, refs, products);
  if (request.manifest === undefined) {
    const entries = new Map([...products].map(([name, product]) => [name, head(product)]));
    return ok({ source: { manifest: null, ...withRefs }, entries, problems: [] });
  }
  const read = await readManifest(workspace, request, target.eupsTag);
  if (!read.ok) return read;
  const { manifest, listed, eupsTag, problems } = read.value;
  const missing = listed.filter((name) => !products.has(name));
  if (missing.length > 0) {
    const hint = `add them to ${workspace.config.products!.index}`;
    const why = (name: string) => `${manifest.id} names ${name}, which the index does not have`;
    return failed(...missing.map((name) => problem('unknown-product', why(name), { hint, subject: name })));
  }
  const byName = new Map(manifest.entries.map((entry) => [entry.product, entry]));
  const entries = new Map<string, Entry>();
  for (const name of listed) {
    const { commit, version } = byName.get(name)!;
    entries.set(name, { refs: [], strict: false, commit, version });
  }
  for (const [name, product] of products) {
    if (groups.auxiliary.has(name) && !entries.has(name)) entries.set(name, head(product));
  }
  const source = { manifest: manifest.id, ...(eupsTag === undefined ? {} : { eupsTag }), ...withRefs };
  return ok({ source, contentId: manifest.contentId, entries, problems });
}

/** The commits of another release, and before them those of branches where a product has one (SQR-016, rcN). */
async function fromRelease(
  workspace: Workspace,
  from: string,
  refs: readonly string[],
  products: ReadonlyMap<string, Product>,
): Promise<Result<Chosen>> {
  const record = await requireRelease(workspace.root, from);
  if (!record.ok) return record;
  const problems: Problem[] = [];
  const entries = new Map<string, Entry>();
  for (const [name, { commit, tag, version }] of Object.entries(record.value.products)) {
    const own = version === undefined ? {} : { version };
    if (products.has(name)) entries.set(name, { refs: [...refs], strict: false, commit, commitTag: tag, ...own });
    else {
      const message = `${from} has ${name}, which the index does not have`;
      problems.push(problem('unknown-product', message, { hint: 'put it back into the index', subject: name }));
    }
  }
  const { manifest, contentId } = record.value.source;
  const source = {
    // With branches before them they are no longer those of its manifest.
    ...(manifest && refs.length === 0 ? { manifest } : {}),
    from: record.value.name,
    ...(refs.length > 0 ? { refs: [...refs] } : {}),
  };
  return ok({ source, entries, problems, ...(refs.length > 0 ? {} : { contentId }) });
}

async function readManifest(
  workspace: Workspace,
  request: SourceRequest,
  eupsTag: string,
): Promise<Result<{ manifest: BuildManifest; listed: string[]; eupsTag?: string; problems: Problem[] }>> {
  const { manifests, eupsTags } = workspace.config.products!;
  if (manifests === undefined) {
    const hint = `say where they are: 'products: {manifests: DIR or https://...}'`;
    const at = { file: 'dmrel.yaml' };
    return failed(problem('workspace-lacks', 'this workspace names no build manifests', { at, hint }));
  }
  const { signal } = request;
  const manifest = await readBuildManifest(workspace.root, manifests, request.manifest!, { signal });
  if (!manifest.ok) return manifest;
  const all = manifest.value.entries.map(({ product }) => product);
  if (eupsTags === undefined) return ok({ manifest: manifest.value, listed: all, problems: [] });
  const list = await readEupsList(workspace.root, eupsTags, eupsTag, { signal });
  if (!list.ok) return list;
  if (!list.value) return ok({ manifest: manifest.value, listed: all, problems: [] });
  const checked = crossCheck(manifest.value, list.value, { ignoreVersions: request.ignoreManifestVersions === true });
  if (errorsOf(checked.problems).length > 0) return failed(...checked.problems);
  return ok({
    manifest: withVersions(manifest.value, checked.versions),
    listed: checked.products,
    eupsTag,
    problems: checked.problems,
  });
}

/** What was distributed has the say about versions. */
const withVersions = (manifest: BuildManifest, versions: ReadonlyMap<string, string>): BuildManifest => ({
  ...manifest,
  entries: manifest.entries.map((entry) => ({ ...entry, version: versions.get(entry.product) ?? entry.version })),
});

/**
 * The name of a product's tag: an official release of an external product has a `v` before its digit, so that its own
 * versions stay the newest that begin with one (SQR-016, "Github teams"). The other form must not be there beside it.
 */
export function tagNames(
  tag: ReleaseName,
  kind: ReleaseKind,
  product: string,
  groups: Pick<Groups, 'external' | 'auxiliary'>,
): Pick<Sought, 'tag' | 'otherForm' | 'auxiliary'> {
  const auxiliary = groups.auxiliary.has(product);
  if (kind !== 'release' || !/^[0-9]/.test(tag)) return { tag, auxiliary };
  const prefixed = groups.external.has(product) && !auxiliary;
  return { tag: prefixed ? `v${tag}` : tag, otherForm: prefixed ? tag : `v${tag}`, auxiliary };
}
