import { signerFor, waiverStatement } from '../evidence/index.ts';
import { openRepository } from '../git/index.ts';
import { type Level, releaseDigest, requireLevel } from '../levels/index.ts';
import { type ReleaseRecord, requireRelease } from '../releases/index.ts';
import {
  type CalendarDate,
  type Digest,
  dateOf,
  didYouMean,
  failed,
  instantOf,
  ok,
  problem,
  type Result,
} from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { unbuilt } from './approve.ts';
import { readStatements } from './facts-statements.ts';
import { type PreparedStatement, planStatement } from './record-statement.ts';
import { waiverRole } from './waiver-role.ts';

export interface WaiverRequest {
  check: string;
  level: string;
  release: string;
  /** One image of those the check looks at; all without it. */
  image: string | undefined;
  reason: string;
  /** The last day on which it holds. */
  until: CalendarDate;
  key: string | undefined;
  now: Date;
  env: NodeJS.ProcessEnv;
}

/**
 * Answer for a check that is not met, at one level, for one release as it is, until a day. It is bound to digests: an
 * image that is built anew is not covered. Problems: `usage`, `image-not-built`, `signer-missing`.
 */
export async function prepareWaiver(workspace: Workspace, request: WaiverRequest): Promise<Result<PreparedStatement>> {
  const level = requireLevel(workspace, request.level, 'nothing can be waived');
  if (!level.ok) return level;
  const record = await requireRelease(workspace.root, request.release);
  if (!record.ok) return record;
  const subject = subjectOf(level.value, record.value, request);
  if (!subject.ok) return subject;
  const repository = await openRepository(workspace.root);
  if (!repository.ok) return repository;
  const identity = await repository.value.identity();
  if (!identity.ok) return identity;
  const role = waiverRole(level.value);
  if (workspace.config.trust && role === undefined) {
    const hint = `name a role for it: 'waivers: ROLE' under ${level.value.name} in dmrel.yaml`;
    return failed(problem('usage', `nobody may waive anything at ${level.value.name}`, { hint }));
  }
  const options = request.key === undefined ? {} : { key: request.key };
  const signer = role === undefined ? ok(undefined) : await signerFor(workspace, role, request.env, options);
  if (!signer.ok) return signer;
  const statements = await readStatements(workspace, record.value);
  if (!statements.ok) return statements;

  const { check, image, reason, until } = request;
  const by = `${identity.value.name} <${identity.value.email}>`;
  const name = signer.value?.key ?? by;
  const existing = statements.value.waived.find(
    (each) =>
      each.level === level.value.name &&
      each.check === check &&
      each.image === image &&
      each.subject === subject.value &&
      each.until === until &&
      each.reason === reason &&
      each.by.name === name,
  );
  const what = image === undefined ? check : `${check} of ${image}`;
  const plan = await planStatement(repository.value, {
    command: 'waive',
    release: record.value.name,
    level: level.value.name,
    title: `waive ${what} of ${record.value.name} at ${level.value.name} until ${until}, by ${name}`,
    statement: waiverStatement({
      release: record.value.name,
      digest: subject.value,
      level: level.value.name,
      check,
      ...(image === undefined ? {} : { image }),
      reason,
      until,
      at: instantOf(request.now),
      by,
    }),
    existing: existing?.file,
    problems: image === undefined ? unbuilt(level.value, record.value) : [],
    now: request.now,
  });
  return ok({ plan, signer: signer.value });
}

/** What a waiver is bound to, when it makes sense at all. */
function subjectOf(level: Level, record: ReleaseRecord, request: WaiverRequest): Result<Digest> {
  const { check, image, until, now } = request;
  const known = level.checks.find(({ name }) => name === check);
  if (!known) {
    const names = level.checks.map(({ name }) => name);
    const hint = didYouMean(check, names) ?? `its checks: ${names.join(', ') || 'none'}`;
    return failed(problem('usage', `${level.name} asks for no check '${check}'`, { hint }));
  }
  if (until < dateOf(now)) {
    const hint = 'name the last day on which it holds, today or later';
    return failed(problem('usage', `--until: ${until} is over`, { hint }));
  }
  if (image === undefined) return ok(releaseDigest(record));
  if (!known.images.includes(image)) {
    const hint = didYouMean(image, known.images) ?? `it looks at: ${known.images.join(', ')}`;
    return failed(problem('usage', `${check} looks at no image '${image}' at ${level.name}`, { hint }));
  }
  const built = record.images?.[image];
  if (built) return ok(built.digest);
  return failed(
    problem('image-not-built', `${image} of ${record.name} is not built`, {
      hint: `dmrel build --release ${record.name}`,
      subject: image,
    }),
  );
}
