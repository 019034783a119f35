import { evidenceFolder } from '../evidence/index.ts';
import type { Repository } from '../git/index.ts';
import { type Level, policyProblems } from '../levels/index.ts';
import { plansBegun } from '../operation/index.ts';
import {
  type LevelRecord,
  levelEvidenceFolder,
  levelFile,
  type ReleaseRecord,
  readLevel,
  releaseFile,
} from '../releases/index.ts';
import { canonicalJson, type Problem, problem } from '../support/index.ts';
import { levelsBefore, type Workspace } from '../workspace/index.ts';
import type { LevelChange } from './level-plan.ts';

type Git = Pick<Repository, 'changed' | 'committed'>;

/**
 * What decides whether a release may go to a level and is not in the last commit as it is on disk: the policy, the
 * records of both and what was said of them. As long as there is any, nothing is let up. Problems: `policy-uncommitted`,
 * one a file; `command-failed` when git cannot tell.
 */
export async function uncommittedProblems(
  workspace: Workspace,
  repository: Git,
  level: Level,
  record: ReleaseRecord,
): Promise<Problem[]> {
  return [
    ...(await policyProblems(workspace, repository)),
    ...(await recordProblems(workspace, repository, level, record)),
  ];
}

/** Of these the records alone. What is new beside the evidence, and what a killed run of ours wrote, is as it should be. */
export async function recordProblems(
  workspace: Workspace,
  repository: Git,
  level: Level,
  record: ReleaseRecord,
): Promise<Problem[]> {
  const levels = [level.name, ...levelsBefore(level.config).levels];
  const folders = [evidenceFolder(record.name), levelEvidenceFolder(level.name)];
  const changed = await repository.changed([releaseFile(record.name), ...levels.map(levelFile), ...folders]);
  if (!changed.ok) return [...changed.problems];
  if (changed.value.length === 0) return [];
  const said = new Set(await repository.committed(folders));
  const inFolder = (file: string) => folders.some((folder) => file.startsWith(`${folder}/`));
  const left = await leftovers(workspace, record, levels);
  return changed.value.filter((file) => (inFolder(file) ? said.has(file) : !left.has(file))).map(toProblem);
}

function toProblem(file: string): Problem {
  const message = `${file} is not as it was committed: what decides is what everybody can see`;
  const hint = `take it back: git checkout HEAD -- ${file}; or commit it; what a command has begun is finished by dmrel resume`;
  return problem('policy-uncommitted', message, { at: { file }, hint, subject: file });
}

/** Files that are just as a run meant them that came to write them, and not to its end: the next one commits them. */
async function leftovers(workspace: Workspace, record: ReleaseRecord, levels: readonly string[]): Promise<Set<string>> {
  const plans = plansBegun(workspace.root).map(({ details }) => details as Partial<LevelChange> | null);
  const records = new Set(plans.flatMap((plan) => plan?.records ?? []).map(withoutStatements));
  const standings = new Set(plans.flatMap((plan) => plan?.standing ?? []).map(withoutStatements));
  const files = new Set<string>();
  if (records.has(withoutStatements(record))) files.add(releaseFile(record.name));
  for (const level of levels) {
    const read = await readLevel(workspace.root, level);
    if (read.ok && standings.has(withoutStatements(read.value))) files.add(levelFile(level));
  }
  return files;
}

/** Digests of statements come into records when they are written: plans do not have them yet. */
function withoutStatements(record: ReleaseRecord | LevelRecord): string {
  const isLater = (key: string, value: unknown) =>
    key === 'statement' || key === 'statements' || (key === 'withheld' && Array.isArray(value) && value.length === 0);
  return canonicalJson(JSON.parse(JSON.stringify(record, (key, value) => (isLater(key, value) ? undefined : value))));
}
