import { type Digest, type Problem, problem } from '../support/index.ts';
import { predicateTypes, statementType } from './statement.ts';
import { type EvidenceWorkspace, readEvidence } from './store.ts';
import { type CheckResult, parseTestResult } from './test-result.ts';

/** A check's result, and where its statement is. */
export interface StoredResult extends CheckResult {
  file: string;
  /** Of the key that signed it; absent where no keys are trusted. */
  roles?: readonly string[];
}

/** Every check result of a release that counts, oldest first. A test result that makes no sense is a finding. */
export async function readResults(
  workspace: EvidenceWorkspace,
  release: string,
): Promise<{ results: StoredResult[]; problems: Problem[] }> {
  const { statements, problems } = await readEvidence(workspace, release);
  const results: StoredResult[] = [];
  for (const each of statements) {
    if (each.predicateType !== predicateTypes.testResult) continue;
    const result = parseTestResult({ _type: statementType, ...each });
    if (result) results.push({ ...result, file: each.file, ...(each.signedBy ? { roles: each.signedBy.roles } : {}) });
    else {
      const hint = 'remove it, and run the checks again';
      problems.push(
        problem('file-unreadable', `${each.file} holds no sound statement`, { at: { file: each.file }, hint }),
      );
    }
  }
  results.sort((left, right) => (left.finishedOn < right.finishedOn ? -1 : left.finishedOn > right.finishedOn ? 1 : 0));
  return { results, problems };
}

/**
 * The newest result of a check on an image; a newer failure outweighs an older pass. Of two of one second that of the
 * definition in force is the newer, and then the failure.
 */
export function latestResult(
  results: readonly StoredResult[],
  { check, digest, configuration }: { check: string; digest: Digest; configuration: Digest },
): StoredResult | undefined {
  const weight = ({ configuration: of, passed }: StoredResult) => (of === configuration ? 2 : 0) + (passed ? 0 : 1);
  let latest: StoredResult | undefined;
  for (const each of results) {
    if (each.check !== check || each.digest !== digest) continue;
    const atOnce = latest?.finishedOn === each.finishedOn;
    if (!latest || each.finishedOn > latest.finishedOn || (atOnce && weight(each) > weight(latest))) latest = each;
  }
  return latest;
}
