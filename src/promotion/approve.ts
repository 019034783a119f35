import { approvalStatement, signerFor } from '../evidence/index.ts';
import { openRepository } from '../git/index.ts';
import { type Level, releaseDigest, requireLevel } from '../levels/index.ts';
import { type ReleaseRecord, requireRelease } from '../releases/index.ts';
import {
  epochSeconds,
  failed,
  instantOf,
  ok,
  type Problem,
  parseDuration,
  problem,
  type Result,
} from '../support/index.ts';
import { type ApprovalRule, approvalRules, type Workspace } from '../workspace/index.ts';
import { readStatements } from './facts-statements.ts';
import { type PreparedStatement, planStatement } from './record-statement.ts';

export interface ApprovalRequest {
  level: string;
  release: string;
  /** Which of the roles that the level asks; the first that can be signed for without it. */
  role: string | undefined;
  /** Which key of the role, where there are several. */
  key: string | undefined;
  message: string | undefined;
  now: Date;
  env: NodeJS.ProcessEnv;
}

/**
 * Agree to a release at a level, in a role, as it is: the approval is bound to the digests of all its images. One that
 * the same person gave already, and that holds still, is enough. Problems: `usage`, `image-not-built`, `signer-missing`.
 */
export async function prepareApproval(
  workspace: Workspace,
  request: ApprovalRequest,
): Promise<Result<PreparedStatement>> {
  const level = requireLevel(workspace, request.level, 'nothing can be approved');
  if (!level.ok) return level;
  const record = await requireRelease(workspace.root, request.release);
  if (!record.ok) return record;
  const rule = ruleFor(level.value, request.role);
  if (!rule.ok) return rule;
  const { role } = rule.value;
  const repository = await openRepository(workspace.root);
  if (!repository.ok) return repository;
  const identity = await repository.value.identity();
  if (!identity.ok) return identity;
  const options = request.key === undefined ? {} : { key: request.key };
  const signer = await signerFor(workspace, role, request.env, options);
  if (!signer.ok) return signer;
  const statements = await readStatements(workspace, record.value);
  if (!statements.ok) return statements;

  const by = `${identity.value.name} <${identity.value.email}>`;
  const name = signer.value?.key ?? by;
  const digest = releaseDigest(record.value);
  const now = instantOf(request.now);
  const holds = (at: typeof now): boolean =>
    at <= now &&
    (rule.value.within === undefined || epochSeconds(now) - epochSeconds(at) <= parseDuration(rule.value.within)!);
  const existing = statements.value.approved.find(
    (each) =>
      each.level === level.value.name &&
      each.role === role &&
      each.release === digest &&
      each.by.name === name &&
      holds(each.at),
  );
  const { message } = request;
  const plan = await planStatement(repository.value, {
    command: 'approve',
    release: record.value.name,
    level: level.value.name,
    title: `approve ${record.value.name} for ${level.value.name} as ${role}, by ${name}`,
    statement: approvalStatement({
      release: record.value.name,
      digest,
      level: level.value.name,
      role,
      at: now,
      by,
      ...(message === undefined ? {} : { message }),
    }),
    existing: existing?.file,
    problems: unbuilt(level.value, record.value),
    now: request.now,
  });
  return ok({ plan, signer: signer.value });
}

function ruleFor(level: Level, role: string | undefined): Result<ApprovalRule> {
  const rules = approvalRules(level.config);
  const rule = role === undefined ? rules[0] : rules.find((each) => each.role === role);
  if (rule && (role !== undefined || rules.length === 1)) return ok(rule);
  const known = rules.map((each) => each.role);
  if (rule) {
    const message = `${level.name} asks for approvals in several roles: say which`;
    return failed(problem('usage', message, { hint: `--role ${known.join(', or --role ')}` }));
  }
  const wanted = role === undefined ? '' : ` by ${role}`;
  const hint =
    known.length > 0 ? `it asks for: ${known.join(', ')}` : `add 'approvals:' to ${level.name} in dmrel.yaml`;
  return failed(problem('usage', `${level.name} asks for no approval${wanted}`, { hint }));
}

/** Nobody can agree to what is not there yet. */
export function unbuilt({ images }: Level, { name, images: built = {} }: ReleaseRecord): Problem[] {
  return images
    .filter((each) => !built[each])
    .map((each) => {
      const details = { hint: `dmrel build --release ${name}`, subject: each };
      return problem('image-not-built', `${each} of ${name} is not built`, details);
    });
}
