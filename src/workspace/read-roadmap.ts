import { type Dirent, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, decodeUtf8, maxDocumentBytes, parseDocument, withPositions } from '../documents/index.ts';
import { type IdKey, keyOf, type Roadmap, type RoadmapItem } from '../milestones/index.ts';
import {
  errorsOf,
  failed,
  listFolder,
  ok,
  type Problem,
  problem,
  type Result,
  readFileBounded,
  unwrap,
  warning,
} from '../support/index.ts';
import { linkRoadmap, type RoadmapFile } from './roadmap.ts';
import type { Workspace } from './workspace.ts';

const folder = 'milestones';
const schemas = ['dmrel/milestones/v1', 'dmrel/features/v1', 'dmrel/externals/v1'];
const maxFolderDepth = 8;

/** Read everything under milestones/: one roadmap, and all findings of all files at once. */
export async function readRoadmap(
  workspace: Pick<Workspace, 'root' | 'cache'>,
): Promise<{ roadmap: Roadmap; problems: Problem[] }> {
  return link(workspace, await readPlan(workspace.root), true);
}

/**
 * The roadmap of a workspace whose milestones are sound; warnings are left to `dmrel validate`. What was linked from the
 * same texts is remembered.
 */
export async function soundRoadmap(
  workspace: Pick<Workspace, 'root' | 'cache' | 'userCache'>,
): Promise<Result<Roadmap>> {
  const plan = await readPlan(workspace.root);
  const known = remembered(workspace.userCache.read('roadmap'), plan);
  if (known) return ok(known);
  const { roadmap, problems } = await link(workspace, plan, false);
  if (errorsOf(problems).length > 0) return failed(...problems);
  const texts = Object.fromEntries(plan.files.map(({ file, text }) => [file, unwrap(text)]));
  const linked: Linked = { texts, items: [...roadmap.items.values()], names: [...roadmap.names] };
  await workspace.userCache.write('roadmap', linked);
  return ok(roadmap);
}

/** Files of a plan as they are, in the order of their names. */
interface Plan {
  files: { file: string; text: Result<string> }[];
  /** Folders that cannot be listed. */
  problems: Problem[];
  /** Folders that are not looked into. */
  warnings: Problem[];
}

/** A roadmap that was sound, and the texts it was linked from. */
interface Linked {
  texts: Record<string, string>;
  items: RoadmapItem[];
  names: [IdKey, IdKey][];
}

function remembered(linked: Linked | undefined, { files, problems }: Plan): Roadmap | undefined {
  if (!linked?.texts || !Array.isArray(linked.items) || !Array.isArray(linked.names)) return undefined;
  if (problems.length > 0 || Object.keys(linked.texts).length !== files.length) return undefined;
  if (!files.every(({ file, text }) => text.ok && linked.texts[file] === text.value)) return undefined;
  return { items: new Map(linked.items.map((item) => [item.key, item])), names: new Map(linked.names) };
}

async function readPlan(root: string): Promise<Plan> {
  const plan: Plan = { files: [], problems: [], warnings: [] };
  for (const file of listYaml(root, folder, maxFolderDepth, plan).sort()) {
    const bytes = await readFileBounded(join(root, file), file, maxDocumentBytes);
    plan.files.push({ file, text: bytes.ok ? decodeUtf8(bytes.value, file) : bytes });
  }
  return plan;
}

async function link(
  { root, cache }: Pick<Workspace, 'root' | 'cache'>,
  plan: Plan,
  warnings: boolean,
): Promise<{ roadmap: Roadmap; problems: Problem[] }> {
  const problems = [...plan.problems, ...(warnings ? plan.warnings : [])];
  const documents: Document<RoadmapFile>[] = [];
  const unread = new Set<IdKey>();
  for (const { file, text } of plan.files) {
    const read = text.ok ? await parseDocument<RoadmapFile>(file, text.value, { cache, schemas }) : text;
    if (read.ok) documents.push(read.value);
    else {
      problems.push(...read.problems);
      for (const id of await idsMentioned(root, file)) unread.add(keyOf(id));
    }
  }
  await cache.close();
  const linked = await withPositions(() => linkRoadmap(documents, { unread, warnings }));
  return { roadmap: linked.roadmap, problems: [...problems, ...linked.problems] };
}

/** Paths of YAML files below a folder. */
function listYaml(root: string, folder: string, depth: number, plan: Plan): string[] {
  const entries = listFolder(join(root, folder), (code) => {
    const hint = 'put a directory in its place, or remove it';
    plan.problems.push(problem('file-unreadable', `cannot list ${folder}: ${code}`, { at: { file: folder }, hint }));
  });
  return entries
    .filter(({ name }) => !name.startsWith('.'))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (/\.ya?ml$/i.test(entry.name)) return [path];
      if (entry.isDirectory() && depth > 0) return listYaml(root, path, depth - 1, plan);
      if (!isFolder(root, path, entry)) return [];
      const why = entry.isSymbolicLink() ? 'is a link to a directory' : `is nested deeper than ${maxFolderDepth}`;
      const hint = 'move the files themselves to a place below milestones/';
      plan.warnings.push(warning('not-a-file', `${path} ${why}: nothing in it is read`, { at: { file: path }, hint }));
      return [];
    });
}

const isFolder = (root: string, path: string, entry: Dirent): boolean =>
  entry.isDirectory() ||
  (entry.isSymbolicLink() && statSync(join(root, path), { throwIfNoEntry: false })?.isDirectory() === true);

/** What a file that cannot be understood seems to define, so that its faults are not blamed on those that name it. */
async function idsMentioned(root: string, file: string): Promise<string[]> {
  const bytes = await readFileBounded(join(root, file), file, maxDocumentBytes);
  if (!bytes.ok) return [];
  return [...bytes.value.toString('utf8').matchAll(/(?:^|[\s{,])["']?([A-Za-z][A-Za-z0-9&._-]{0,99})["']? *:/gm)].map(
    (match) => match[1]!,
  );
}
