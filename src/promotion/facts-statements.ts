import {
  parseApproval,
  parseSummary,
  parseTestResult,
  parseWaiver,
  parseWithdrawal,
  predicateTypes,
  readEvidence,
  statementType,
  type VerifiedStatement,
} from '../evidence/index.ts';
import type { ReleaseRecord } from '../releases/index.ts';
import { failed, instantOf, ok, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import type {
  ApprovalFact,
  Author,
  GateFacts,
  ResultFact,
  SummaryFact,
  WaiverFact,
  WithdrawalFact,
} from './gate-facts.ts';

export type StatementFacts = Pick<
  GateFacts,
  'results' | 'approved' | 'waived' | 'summaries' | 'withdrawn' | 'broken' | 'unproved'
>;

/**
 * What was said of a release, by whom. What is damaged or forged is broken: it may have said no. What is sound, and of
 * nobody who may say it, is unproved. Problems: those of the trust section.
 */
export async function readStatements(
  workspace: Workspace,
  { name }: Pick<ReleaseRecord, 'name'>,
): Promise<Result<StatementFacts>> {
  const { statements, problems } = await readEvidence(workspace, name);
  const elsewhere = problems.filter(({ at }) => at?.file === undefined || !at.file.startsWith('releases/'));
  if (elsewhere.length > 0) return failed(...elsewhere);
  const results: ResultFact[] = [];
  const approved: ApprovalFact[] = [];
  const waived: WaiverFact[] = [];
  const summaries: SummaryFact[] = [];
  const withdrawn: WithdrawalFact[] = [];
  const broken = problems.filter(({ severity }) => severity === 'error');
  for (const each of statements) {
    const read = statementFact(workspace, each);
    switch (read?.kind) {
      case 'result':
        results.push(read.fact);
        break;
      case 'approval':
        approved.push(read.fact);
        break;
      case 'waiver':
        waived.push(read.fact);
        break;
      case 'summary':
        summaries.push(read.fact);
        break;
      case 'withdrawal':
        if (read.release === name) withdrawn.push(read.fact);
        break;
      case 'unsound': {
        const hint = 'remove it, and make it again';
        const message = `${each.file} holds no sound statement of its kind`;
        broken.push(problem('file-unreadable', message, { at: { file: each.file }, hint }));
        break;
      }
      case undefined:
        break;
      default:
        read satisfies never;
    }
  }
  const unproved = problems
    .filter(({ severity }) => severity === 'warning')
    .map(({ at, message }) => ({ file: at!.file, why: message.replace(`${at!.file} counts for nothing: `, '') }));
  return ok({ results, approved, waived, summaries, withdrawn, broken, unproved });
}

type ReadStatement =
  | { kind: 'result'; fact: ResultFact }
  | { kind: 'approval'; fact: ApprovalFact }
  | { kind: 'waiver'; fact: WaiverFact }
  | { kind: 'summary'; fact: SummaryFact }
  | { kind: 'withdrawal'; fact: WithdrawalFact; release: string }
  | { kind: 'unsound' };

/** What a gate takes from a statement; undefined for one of a kind that gates do not ask for. */
function statementFact(workspace: Pick<Workspace, 'config'>, statement: VerifiedStatement): ReadStatement | undefined {
  const { file } = statement;
  if (statement.predicateType === predicateTypes.testResult) {
    const result = parseTestResult({ _type: statementType, ...statement });
    if (!result) return { kind: 'unsound' };
    const { check, digest, configuration, passed, finishedOn: at, counts } = result;
    const by = authorOf(workspace, statement);
    const counted = counts === undefined ? {} : { counts };
    return { kind: 'result', fact: { file, by, at, check, digest, configuration, passed, ...counted } };
  }
  const summary = parseSummary({ _type: statementType, ...statement, predicate: statement.predicate as object });
  if (summary) {
    const { passed, time, levels, digests } = summary;
    const by = authorOf(workspace, statement);
    return { kind: 'summary', fact: { file, by, at: instantOf(new Date(time)), levels, digests, passed } };
  }
  const approval = parseApproval(statement);
  const waiver = parseWaiver(statement);
  const withdrawal = parseWithdrawal(statement);
  if (approval === 'unsound' || waiver === 'unsound' || withdrawal === 'unsound') return { kind: 'unsound' };
  if (withdrawal) {
    const { release, level, digests, at } = withdrawal;
    const by = authorOf(workspace, statement, withdrawal.by);
    return { kind: 'withdrawal', release, fact: { file, by, at, level, digests } };
  }
  if (approval) {
    const { digest: release, level, role, at, message } = approval;
    const by = authorOf(workspace, statement, approval.by);
    return {
      kind: 'approval',
      fact: { file, by, at, level, role, release, ...(message === undefined ? {} : { message }) },
    };
  }
  if (!waiver) return undefined;
  const { digest: subject, level, check, image, reason, until, at } = waiver;
  const by = authorOf(workspace, statement, waiver.by);
  const fact = { file, by, at, level, check, subject, reason, until, ...(image === undefined ? {} : { image }) };
  return { kind: 'waiver', fact };
}

/** The key that signed; without keys, who git says it was. */
function authorOf(
  { config }: Pick<Workspace, 'config'>,
  { signedBy }: VerifiedStatement,
  identity = 'unsigned',
): Author {
  if (!signedBy) return { name: identity, person: /<(.*)>$/.exec(identity)?.[1] ?? identity, roles: undefined };
  const { key, roles } = signedBy;
  return { name: key, person: config.trust?.keys[key]?.person ?? key, roles };
}
