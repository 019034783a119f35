import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf, type Instant, type Problem, parseInstant, problem, readFileBounded } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { judge } from './judge.ts';
import { readSigned } from './read-file.ts';
import { predicateTypes, type Statement } from './statement.ts';
import { openTrust } from './trust.ts';

/** Where statements about builds are put, by CI or by hand. */
export const buildEvidenceFolder = 'evidence/builds';

const maxStatementBytes = 2 ** 20;

/** Whether a set of product commits was built and tested together. */
export interface BuildResult {
  passed: boolean;
  finishedOn: Instant;
  file: string;
}

/**
 * What is known of the builds of one content id, oldest first: in-toto test-result statements whose subject has the
 * digest `sha1: <content id>` and whose configuration is annotated with `finishedOn`. Where keys are trusted, they are
 * signed by a builder or a tester. What cannot be read, and what does not count, is a finding.
 */
export async function readBuildResults(
  workspace: Pick<Workspace, 'root' | 'config' | 'document'>,
  contentId: string,
): Promise<{ results: BuildResult[]; problems: Problem[] }> {
  const { root } = workspace;
  const trust = await openTrust(workspace);
  if (!trust.ok) return { results: [], problems: trust.problems };
  const names = await readdir(join(root, buildEvidenceFolder)).catch(() => []);
  const results: BuildResult[] = [];
  const problems: Problem[] = [];
  for (const name of names.filter((each) => each.endsWith('.json')).sort()) {
    const file = `${buildEvidenceFolder}/${name}`;
    const bytes = await readFileBounded(join(root, file), file, maxStatementBytes);
    if (!bytes.ok) {
      problems.push(...bytes.problems);
      continue;
    }
    const read = await readSigned(bytes.value, file, trust.value);
    const parsed = read.ok ? parseBuildResult(read.value.statement) : undefined;
    const why = read.ok && judge({ file, digest: digestOf(bytes.value), ...read.value }, trust.value);
    if (!read.ok && read.problems[0]!.code !== 'file-unreadable') problems.push(...read.problems);
    else if (parsed === undefined) {
      const hint = 'expected an in-toto test-result statement about a content id; take it away or replace it';
      problems.push(problem('file-unreadable', `${file} holds no sound statement`, { at: { file }, hint }));
    } else if (why) problems.push(why);
    else if (parsed.contentIds.includes(contentId)) {
      results.push({ passed: parsed.passed, finishedOn: parsed.finishedOn, file });
    }
  }
  results.sort((left, right) =>
    left.finishedOn === right.finishedOn
      ? Number(right.passed) - Number(left.passed) // of two at the same moment the failure is the newer
      : left.finishedOn < right.finishedOn
        ? -1
        : 1,
  );
  return { results, problems };
}

function parseBuildResult(
  statement: Statement,
): { contentIds: string[]; passed: boolean; finishedOn: Instant } | undefined {
  if (statement.predicateType !== predicateTypes.testResult) return undefined;
  const { result, configuration, failedTests } = statement.predicate as {
    result?: unknown;
    configuration?: { annotations?: { finishedOn?: unknown } }[];
    failedTests?: unknown[];
  };
  const finishedOn = parseInstant(String(configuration?.[0]?.annotations?.finishedOn));
  if (!finishedOn || !['PASSED', 'WARNED', 'FAILED'].includes(String(result))) return undefined;
  const contentIds = statement.subject.flatMap(({ digest }) => digest.sha1 ?? []);
  const failures = Array.isArray(failedTests) ? failedTests.length : 0;
  return { contentIds, passed: result !== 'FAILED' && failures === 0, finishedOn };
}
