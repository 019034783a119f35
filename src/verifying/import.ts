import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  evidenceFolder,
  judge,
  maxStatementBytes,
  openTrust,
  readEnvelopeFile,
  readSigned,
  signedText,
  type Trust,
  writeEvidence,
} from '../evidence/index.ts';
import { openRepository } from '../git/index.ts';
import { newOperationId, type Outcome, type Plan, type PlannedStep, type Step } from '../operation/index.ts';
import { commitRecord, pushRecords, type ReleaseRecord, requireRelease } from '../releases/index.ts';
import {
  type Digest,
  digestOf,
  failed,
  hexOf,
  instantOf,
  ok,
  type Problem,
  problem,
  type Result,
  readFileBounded,
} from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { kindOf } from './statements.ts';
import { isAbout } from './survey.ts';

export interface ImportRequest {
  files: readonly string[];
  release: string;
  /** Where the files are named from. */
  cwd: string;
  now: Date;
}

/** A statement in the form in which it is kept. */
export interface ImportedStatement {
  from: string;
  file: string;
  text: string;
  digest: Digest;
}

export type ImportPlan = Plan<{ statements: ImportedStatement[] }>;

/**
 * Read statements that were made elsewhere, and verify each before anything is written: its signature, that its key may
 * say this, and that it is about something of the release.
 */
export async function prepareImport(workspace: Workspace, request: ImportRequest): Promise<Result<ImportPlan>> {
  const { root } = workspace;
  const record = await requireRelease(root, request.release);
  if (!record.ok) return record;
  const trust = await openTrust(workspace);
  if (!trust.ok) return trust;
  const repository = await openRepository(root);
  if (!repository.ok) return repository;
  const statements = new Map<string, ImportedStatement & { kind: string }>();
  const problems: Problem[] = [];
  for (const from of request.files) {
    const read = await readOne(from, request.cwd, record.value, trust.value);
    if (read.ok) statements.set(read.value.file, read.value);
    else problems.push(...read.problems);
  }
  const steps: PlannedStep[] = [...statements.values()].map(({ from, kind, file, digest }) => ({
    id: `import:${hexOf(digest)}`,
    title: `${kind} from ${from}`,
    action: existsSync(join(root, file)) ? 'skip' : 'create',
    from: null,
    to: digest,
  }));
  const files = [...statements.keys()];
  const done = steps.every(({ action }) => action === 'skip');
  const committed = done && (files.length === 0 || (await repository.value.isCommitted(files)));
  const step = (id: string, title: string, isDone: boolean, needs: string[], to: string): PlannedStep => {
    return { id, title, action: isDone ? 'skip' : 'create', from: null, to, needs };
  };
  const folder = evidenceFolder(record.value.name);
  const imports = steps.map(({ id }) => id);
  steps.push(step('commit', 'commit the evidence', committed, imports, folder));
  const upstream = await repository.value.upstream();
  if (upstream) {
    const name = `${upstream.remote}/${upstream.branch}`;
    const pushed = committed && !(await repository.value.isAhead());
    steps.push(step('push', `push to ${name}`, pushed, ['commit'], name));
  }
  return ok({
    schema: 'dmrel/plan/v1',
    operation: newOperationId(request.now),
    command: 'evidence import',
    release: record.value.name,
    at: instantOf(request.now),
    steps,
    problems,
    details: { statements: [...statements.values()].map(({ kind: _, ...each }) => each) },
  });
}

async function readOne(
  from: string,
  cwd: string,
  record: ReleaseRecord,
  trust: Trust | undefined,
): Promise<Result<ImportedStatement & { kind: string }>> {
  const bytes = await readFileBounded(resolve(cwd, from), from, maxStatementBytes);
  if (!bytes.ok) return bytes;
  const envelope = readEnvelopeFile(bytes.value, from);
  // A bare statement is taken where nobody is trusted; of all else the envelope alone is kept.
  const kept = envelope.ok ? signedText(envelope.value) : bytes.value.toString('utf8');
  if (Buffer.byteLength(kept) > maxStatementBytes) {
    const hint = `files of evidence may have ${maxStatementBytes / 2 ** 20} MiB`;
    return failed(
      problem('file-too-large', `${from} would have more bytes where it is kept`, { at: { file: from }, hint }),
    );
  }
  const read = await readSigned(Buffer.from(kept, 'utf8'), from, trust);
  if (!read.ok) return read;
  const { statement, by, time } = read.value;
  const signed = { text: kept, digest: digestOf(kept) };
  const why = judge({ file: from, digest: signed.digest, statement, by, time }, trust);
  if (why) return failed({ ...why, severity: 'error' });
  if (!isAbout(record, statement.subject)) {
    const hint = `its subject must have the digest of an image of ${record.name}: 'dmrel release show ${record.name}'`;
    return failed(
      problem('evidence-untrusted', `${from} is about nothing of ${record.name}`, { at: { file: from }, hint }),
    );
  }
  const file = `${evidenceFolder(record.name)}/${hexOf(signed.digest)}.json`;
  return ok({ from, file, ...signed, kind: kindOf(statement.predicateType) });
}

/** The steps of an import with the code that does them. */
export async function bindImportSteps(workspace: Workspace, plan: ImportPlan): Promise<Result<Step[]>> {
  const opened = await openRepository(workspace.root);
  if (!opened.ok) return opened;
  const repository = opened.value;
  const { statements } = plan.details;
  const files = statements.map(({ file }) => file);
  const apply = async (id: string): Promise<Outcome> => {
    if (id === 'push') return pushRecords(repository);
    if (id === 'commit') {
      const trailers = { operation: plan.operation, release: plan.release };
      return commitRecord(repository, files, `Import evidence of ${plan.release}`, trailers);
    }
    const statement = statements.find(({ digest }) => id === `import:${hexOf(digest)}`)!;
    await writeEvidence(workspace.root, evidenceFolder(plan.release), statement);
    return { status: 'done' };
  };
  return ok(
    plan.steps.map((planned) => ({
      ...planned,
      isDone: async () => planned.action === 'skip',
      apply: () => apply(planned.id),
    })),
  );
}
