import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import {
  evidenceFolder,
  judge,
  maxStatementBytes,
  openTrust,
  readEnvelopeFile,
  readSigned,
  type Statement,
  signedText,
} from '../evidence/index.ts';
import { listReleases } from '../releases/index.ts';
import {
  digestOf,
  failed,
  hexOf,
  nameWithin,
  ok,
  printable,
  problem,
  type Result,
  readFileBounded,
} from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { type ListedStatement, listedStatement } from './statements.ts';

export interface ShownStatement extends ListedStatement {
  statement: Statement;
}

/**
 * One statement with what it says: by a file anywhere, or by a digest, or its beginning, of the evidence of any release.
 * Problems: `file-not-found` and others of reading, `usage` where a digest fits several, those of reading a statement.
 */
export async function showStatement(workspace: Workspace, name: string, cwd: string): Promise<Result<ShownStatement>> {
  const path = await locate(workspace.root, name, cwd);
  if (!path.ok) return path;
  const file = nameWithin(workspace.root, path.value);
  const shown = file.startsWith('..') ? name : file;
  const bytes = await readFileBounded(path.value, shown, maxStatementBytes);
  if (!bytes.ok) return bytes;
  const trust = await openTrust(workspace);
  if (!trust.ok) return trust;
  const envelope = readEnvelopeFile(bytes.value, shown);
  const text = envelope.ok ? Buffer.from(signedText(envelope.value), 'utf8') : bytes.value;
  const read = await readSigned(text, shown, trust.value);
  if (!read.ok) return read;
  const digest = digestOf(bytes.value);
  const kept = dirname(file) === evidenceFolder(basename(dirname(dirname(file))));
  if (kept && basename(file) !== `${hexOf(digest)}.json`) {
    const hint = `restore it from git: git checkout -- ${file}`;
    return failed(problem('digest-mismatch', `${file} was changed after it was written`, { at: { file }, hint }));
  }
  const { statement, by, time } = read.value;
  const found = { file: shown, digest, statement, by, time };
  const why = judge(found, trust.value);
  const inspected = { file: shown, found, ...(why ? { problem: why } : {}) };
  return ok({ ...listedStatement(inspected), statement });
}

async function locate(root: string, name: string, cwd: string): Promise<Result<string>> {
  for (const path of [resolve(cwd, name), resolve(root, name)]) if (existsSync(path)) return ok(path);
  const [, hex] = /^(?:sha256:)?([0-9a-f]{6,64})$/.exec(name) ?? [];
  const paths: string[] = [];
  if (hex !== undefined) {
    for (const release of await listReleases(root)) {
      const folder = join(root, evidenceFolder(release));
      const names = await readdir(folder).catch(() => []);
      paths.push(...names.filter((each) => each.startsWith(hex)).map((each) => join(folder, each)));
    }
  }
  if (paths.length === 1) return ok(paths[0]!);
  if (paths.length > 1) {
    const hint = paths
      .slice(0, 5)
      .map((each) => nameWithin(root, each))
      .join(', ');
    return failed(problem('usage', `${paths.length} statements begin with ${hex}`, { hint }));
  }
  const message = `there is no statement '${printable(name.slice(0, 300))}'`;
  return failed(problem('file-not-found', message, { hint: `'dmrel evidence list' shows all` }));
}
