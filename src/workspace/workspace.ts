import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Document, DocumentCache, readDocument, UserCache, withPositions } from '../documents/index.ts';
import type { Transport } from '../git/index.ts';
import { errorsOf, failed, ok, type Problem, problem, type Result } from '../support/index.ts';
import { checkConfig, type WorkspaceConfig } from './config.ts';
import { checkImages } from './image-checks.ts';
import { readImageFiles } from './image-files.ts';
import { expandImages, membersOf } from './image-matrix.ts';
import type { ImageDefinition } from './images.ts';

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
  /** Parsed files of milestones/. */
  cache: DocumentCache;
  /** Parsed release records. */
  records: DocumentCache;
  /** What else is remembered of this workspace. */
  userCache: UserCache;
}

const configFile = 'dmrel.yaml';

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
  const userCache = UserCache.open(root.value, env);
  const own = DocumentCache.of(userCache, 'workspace');
  const schemas = ['dmrel/workspace/v1'];
  const document = await readDocument<WorkspaceConfig>(root.value, configFile, { cache: own, schemas });
  if (!document.ok) return document;
  const files = await readImageFiles(root.value, own);
  await own.close();
  const documents = [document.value, ...files.documents];
  const { images, problems } = await withPositions(() => {
    const problems = [...files.problems];
    const images = expandImages(documents, problems);
    problems.push(...checkImages(images, document.value.value.levels ?? {}));
    return { images, problems: [...problems, ...checkConfig(document.value, images)] };
  });
  if (errorsOf(problems).length > 0) return failed(...problems);
  const config = withImages(document.value.value, images);
  return ok({
    root: root.value,
    config,
    images,
    warnings: problems,
    document: document.value,
    cache: DocumentCache.of(userCache, 'plan'),
    records: DocumentCache.of(userCache, 'records'),
    userCache,
  });
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
