import { type Digest, hexOf, type Instant, parseDigest, parseInstant } from '../support/index.ts';
import { predicateTypes, type Statement, statementType } from './statement.ts';

const testResultType = predicateTypes.testResult;

/** in-toto attestation framework, spec/predicates/test-result.md. */
interface TestResultPredicate {
  result: 'PASSED' | 'WARNED' | 'FAILED';
  configuration: { name: string; digest: { sha256: string }; annotations: Record<string, string> }[];
  passedTests: string[];
  warnedTests: string[];
  failedTests: string[];
}

/** How the annotations begin that are counts (in-toto: text by name). */
const countOf = 'count.';

/** What one check found in one image. */
export interface CheckResult {
  /** Repository the image was checked in. */
  repository: string;
  /** The image, by content: a result says nothing of any other digest. */
  digest: Digest;
  /** Images of platforms that were looked at too, where it is an index: admission may see either. */
  platforms?: readonly Digest[];
  check: string;
  /** Digest of the check's definition: a changed check makes older results stale. */
  configuration: Digest;
  passed: boolean;
  /** Something failed, in a check that keeps nothing out. */
  warned?: boolean;
  startedOn: Instant;
  finishedOn: Instant;
  /** Where it ran: the name of a runner. */
  runner?: string;
  /** Of the suite behind the check, as dmrel.yaml names it. */
  version?: string;
  /** How often it was tried, when that was more than once. */
  attempts?: number;
  /** What was counted, by name: vulnerabilities by severity. */
  counts?: Readonly<Record<string, number>>;
  /** What was looked at, by outcome, in words. */
  passedTests: string[];
  warnedTests?: string[];
  failedTests: string[];
}

export function testResultStatement(result: CheckResult): Statement<TestResultPredicate> {
  const { startedOn, finishedOn, runner, version, attempts, counts = {} } = result;
  const annotations = {
    startedOn,
    finishedOn,
    ...(runner === undefined ? {} : { runner }),
    ...(version === undefined ? {} : { version }),
    ...(attempts === undefined ? {} : { attempts: `${attempts}` }),
    ...Object.fromEntries(Object.entries(counts).map(([name, number]) => [`${countOf}${name}`, `${number}`])),
  };
  return {
    _type: statementType,
    subject: [result.digest, ...(result.platforms ?? [])].map((digest) => ({
      name: result.repository,
      digest: { sha256: hexOf(digest) },
    })),
    predicateType: testResultType,
    predicate: {
      result: result.passed ? 'PASSED' : result.warned ? 'WARNED' : 'FAILED',
      configuration: [{ name: result.check, digest: { sha256: hexOf(result.configuration) }, annotations }],
      passedTests: result.passedTests,
      warnedTests: result.warnedTests ?? [],
      failedTests: result.failedTests,
    },
  };
}

/** The result a statement tells of; undefined when it is of another kind or does not hold together. */
export function parseTestResult(statement: unknown): CheckResult | undefined {
  const { _type, subject, predicateType, predicate } = (statement ?? {}) as Partial<Statement<TestResultPredicate>>;
  if (_type !== statementType || predicateType !== testResultType) return undefined;
  const [image] = Array.isArray(subject) ? subject : [];
  const [configuration] = Array.isArray(predicate?.configuration) ? predicate.configuration : [];
  const digest = parseDigest(`sha256:${image?.digest?.sha256}`);
  const definition = parseDigest(`sha256:${configuration?.digest?.sha256}`);
  const startedOn = parseInstant(String(configuration?.annotations?.startedOn));
  const finishedOn = parseInstant(String(configuration?.annotations?.finishedOn));
  if (!digest || !definition || !startedOn || !finishedOn || typeof configuration?.name !== 'string') return undefined;
  const { result, failedTests } = predicate!;
  if (!['PASSED', 'WARNED', 'FAILED'].includes(result)) return undefined;
  if (result === 'PASSED' && Array.isArray(failedTests) && failedTests.length > 0) return undefined;
  const tests = (list: unknown): string[] =>
    Array.isArray(list) ? list.filter((each) => typeof each === 'string') : [];
  return {
    repository: String(image?.name ?? ''),
    digest,
    check: configuration.name,
    configuration: definition,
    passed: result === 'PASSED',
    ...(result === 'WARNED' ? { warned: true } : {}),
    startedOn,
    finishedOn,
    ...annotationsOf(configuration.annotations),
    passedTests: tests(predicate?.passedTests),
    ...(tests(predicate?.warnedTests).length > 0 ? { warnedTests: tests(predicate?.warnedTests) } : {}),
    failedTests: tests(failedTests),
  };
}

function annotationsOf(
  annotations: Record<string, unknown>,
): Pick<CheckResult, 'runner' | 'version' | 'attempts' | 'counts'> {
  const { runner, version, attempts } = annotations;
  const tried = /^[1-9][0-9]{0,3}$/.test(String(attempts)) ? Number(attempts) : undefined;
  const counts = Object.entries(annotations).flatMap(([name, text]) =>
    name.startsWith(countOf) && /^[0-9]{1,9}$/.test(String(text)) ? [[name.slice(countOf.length), Number(text)]] : [],
  );
  return {
    ...(typeof runner === 'string' ? { runner } : {}),
    ...(typeof version === 'string' ? { version } : {}),
    ...(tried === undefined ? {} : { attempts: tried }),
    ...(counts.length === 0 ? {} : { counts: Object.fromEntries(counts) }),
  };
}
