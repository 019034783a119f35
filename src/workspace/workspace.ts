import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import {
  type Document,
  DocumentCache,
  maxDocumentBytes,
  readDocument,
  UserCache,
  withPositions,
} from '../documents/index.ts';
import type { Transport } from '../git/index.ts';
import { type IdKey, keyOf, type Roadmap } from '../milestones/index.ts';
import {
  errorsOf,
  failed,
  listFolder,
  ok,
  type Problem,
  problem,
  type Result,
  readFileBounded,
} from '../support/index.ts';
import { checkConfig, type WorkspaceConfig } from './config.ts';
import { checkImages } from './image-checks.ts';
import { readImageFiles } from './image-files.ts';
import { expandImages, membersOf } from './image-matrix.ts';
import type { ImageDefinition } from './images.ts';
import { linkRoadmap, type RoadmapFile } from './roadmap.ts';

/** A workspace whose dmrel.yaml is sound. */
export interface Workspace {
  /** Absolute path of the directory that holds dmrel.yaml. */
  root: string;
  /** With the images of all files, each value of a matrix one of its own. */
  config: WorkspaceConfig;
  images: ReadonlyMap<string, ImageDefinition>;
  /** What is not wrong, and still worth a word: 'dmrel validate' tells it. */
  warnings: Problem[];
  document: Document<WorkspaceConfig>;
  /** Parsed files of the plan: dmrel.yaml and milestones/. */
  cache: DocumentCache;
  /** Parsed release records. */
  records: DocumentCache;
  /** What else is remembered of this workspace. */
  userCache: UserCache;
}

const configFile = 'dmrel.yaml';
const roadmapFolder = 'milestones';
const roadmapSchemas = ['dmrel/milestones/v1', 'dmrel/features/v1', 'dmrel/externals/v1'];
const maxFolderDepth = 8;

/** The nearest directory upwards that holds dmrel.yaml. Problem: `no-workspace`. */
export function findWorkspace(start: string): Result<string> {
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    if (existsSync(join(folder, configFile))) return ok(folder);
    if (dirname(folder) === folder) break;
  }
  const hint = `go into one, name it with -C DIR, or make one to try things in with 'dmrel demo DIR'`;
  return failed(problem('no-workspace', `no ${configFile} here or above (looked from ${resolve(start)})`, { hint }));
}

/** Read dmrel.yaml, or say everything that is wrong with it. */
export async function openWorkspace(start: string, env: NodeJS.ProcessEnv): Promise<Result<Workspace>> {
  const root = findWorkspace(start);
  if (!root.ok) return root;
  const cache = DocumentCache.open(root.value, 'plan', env);
  const schemas = ['dmrel/workspace/v1'];
  const document = await readDocument<WorkspaceConfig>(root.value, configFile, { cache, schemas });
  if (!document.ok) return document;
  const files = await readImageFiles(root.value, cache);
  // Commands that read no plan keep what they have understood, too: where it is new, the plan is read afresh once.
  await cache.close();
  const documents = [document.value, ...files.documents];
  const { images, problems } = await withPositions(() => {
    const problems = [...files.problems];
    const images = expandImages(documents, problems);
    problems.push(...checkImages(images, document.value.value.levels ?? {}));
    return { images, problems: [...problems, ...checkConfig(document.value, images)] };
  });
  if (errorsOf(problems).length > 0) return failed(...problems);
  const config = withImages(document.value.value, images);
  const records = DocumentCache.open(root.value, 'records', env);
  const userCache = UserCache.open(root.value, env);
  const warnings = problems;
  return ok({ root: root.value, config, images, warnings, document: document.value, cache, records, userCache });
}

/** dmrel.yaml as if every image stood in it by its own name. */
function withImages(config: WorkspaceConfig, images: ReadonlyMap<string, ImageDefinition>): WorkspaceConfig {
  if (images.size === 0) return config;
  const own = (names: string[]): string[] => names.flatMap((name) => membersOf(name, images));
  const checks = Object.entries(config.checks ?? {}).map(([name, check]) => [
    name,
    check.images === undefined ? check : { ...check, images: own(check.images) },
  ]);
  return {
    ...config,
    images: Object.fromEntries([...images].map(([name, image]) => [name, image.config])),
    ...(config.checks === undefined ? {} : { checks: Object.fromEntries(checks) }),
  };
}

/** Read everything under milestones/: one roadmap, and all findings of all files at once. */
export async function readRoadmap(
  workspace: Pick<Workspace, 'root' | 'cache'>,
  severity: 'all' | 'errors' = 'all',
): Promise<{ roadmap: Roadmap; problems: Problem[] }> {
  const problems: Problem[] = [];
  const files: string[] = [];
  listYaml(workspace.root, roadmapFolder, maxFolderDepth, files, problems);
  const documents: Document<RoadmapFile>[] = [];
  const read = await inBatches(files.sort(), 64, (file) =>
    readDocument<RoadmapFile>(workspace.root, file, { cache: workspace.cache, schemas: roadmapSchemas }),
  );
  const unread = new Set<IdKey>();
  for (const [index, each] of read.entries()) {
    if (each.ok) {
      documents.push(each.value);
      continue;
    }
    problems.push(...each.problems);
    for (const id of await idsMentioned(workspace.root, files[index]!)) unread.add(keyOf(id));
  }
  await workspace.cache.close();
  const linked = await withPositions(() => linkRoadmap(documents, { unread, warnings: severity === 'all' }));
  return { roadmap: linked.roadmap, problems: [...problems, ...linked.problems] };
}

/** The roadmap of a workspace whose milestones are sound; warnings are left to `dmrel validate`. */
export async function soundRoadmap(workspace: Workspace): Promise<Result<Roadmap>> {
  const { roadmap, problems } = await readRoadmap(workspace, 'errors');
  return errorsOf(problems).length > 0 ? failed(...problems) : ok(roadmap);
}

function listYaml(root: string, folder: string, depth: number, files: string[], problems: Problem[]): void {
  const entries = listFolder(join(root, folder), (code) => {
    const hint = 'put a directory in its place, or remove it';
    problems.push(problem('file-unreadable', `cannot list ${folder}: ${code}`, { at: { file: folder }, hint }));
  });
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.name.startsWith('.')) continue;
    if (/\.ya?ml$/.test(entry.name)) files.push(path);
    else if (entry.isDirectory() && depth > 0) listYaml(root, path, depth - 1, files, problems);
  }
}

/** What a file that cannot be understood seems to define, so that its faults are not blamed on those that name it. */
async function idsMentioned(root: string, file: string): Promise<string[]> {
  const bytes = await readFileBounded(join(root, file), file, maxDocumentBytes);
  if (!bytes.ok) return [];
  return [...bytes.value.toString('utf8').matchAll(/(?:^|[\s{,])["']?([A-Za-z][A-Za-z0-9&._-]{0,99})["']? *:/gm)].map(
    (match) => match[1]!,
  );
}

async function inBatches<Item, Value>(
  items: Item[],
  size: number,
  work: (item: Item) => Promise<Value>,
): Promise<Value[]> {
  const values: Value[] = [];
  for (let from = 0; from < items.length; from += size) {
    values.push(...(await Promise.all(items.slice(from, from + size).map(work))));
  }
  return values;
}

/** How repositories may be reached: https and ssh, unless dmrel.yaml says otherwise. */
export function transportsOf(config: WorkspaceConfig): ReadonlySet<Transport> {
  return new Set<Transport>(config.products?.transports ?? ['https', 'ssh']);
}

/** A section of dmrel.yaml that a verb cannot do without. Problem: `workspace-lacks`, with how to get it. */
export function need<Key extends keyof WorkspaceConfig>(
  workspace: Workspace,
  key: Key,
  purpose: string,
): Result<NonNullable<WorkspaceConfig[Key]>> {
  const value = workspace.config[key];
  if (value !== undefined && Object.keys(value as object).length > 0) return ok(value);
  const names: Partial<Record<keyof WorkspaceConfig, string>> = {
    products: 'no products',
    levels: 'no levels',
    images: 'no images',
  };
  const message = `this workspace names ${names[key] ?? `no '${key}'`}, so ${purpose}`;
  const hint = `add '${key}:' to ${configFile} (docs/workspace.md), or try it in a workspace made by 'dmrel demo DIR'`;
  return failed(problem('workspace-lacks', message, { at: { file: configFile }, hint }));
}
