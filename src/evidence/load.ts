import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { failed, ok, problem, type Result, readFileBounded } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { type FoundStatement, readSigned, readStatementFile } from './read-file.ts';
import { type SignedStatement, signedStatement } from './sign.ts';
import { maxStatementBytes } from './statement.ts';
import { openTrust } from './trust.ts';

/**
 * A statement of the record as it was signed, to be attached to an image. Problems: those of reading it;
 * `signature-invalid` when no key of the workspace signed it.
 */
export async function loadStatement(
  workspace: Pick<Workspace, 'root' | 'config' | 'document'>,
  file: string,
): Promise<Result<SignedStatement>> {
  const trust = await openTrust(workspace);
  if (!trust.ok) return trust;
  const bytes = await readFileBounded(join(workspace.root, file), file, maxStatementBytes);
  if (!bytes.ok) return bytes;
  const read = await readSigned(bytes.value, file, trust.value);
  if (!read.ok) return read;
  const { statement, by, envelope } = read.value;
  if (envelope && typeof by !== 'string') return ok(signedStatement(statement, envelope, { publicKey: by }));
  const hint = `restore it from git: git checkout -- ${file}`;
  return failed(problem('signature-invalid', `${file} is signed by no key of this workspace`, { at: { file }, hint }));
}

/** Statements of any folder of the workspace that are sound, whoever made them: what is not, is left out. */
export async function readStatementsIn(
  workspace: Pick<Workspace, 'root' | 'config' | 'document'>,
  folder: string,
): Promise<Result<FoundStatement[]>> {
  const trust = await openTrust(workspace);
  if (!trust.ok) return trust;
  const names = await readdir(join(workspace.root, folder)).catch(() => []);
  const found: FoundStatement[] = [];
  for (const name of names.filter((each) => each.endsWith('.json')).sort()) {
    const read = await readStatementFile(workspace.root, `${folder}/${name}`, trust.value);
    if (read.ok) found.push(read.value);
  }
  return ok(found);
}
