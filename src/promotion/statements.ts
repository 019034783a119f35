import {
  attachSignature,
  attachStatement,
  evidenceFolder,
  loadStatement,
  type SignedStatement,
  type Signer,
  type Statement,
  signStatement,
  writeEvidence,
} from '../evidence/index.ts';
import type { Outcome } from '../operation/index.ts';
import type { ImageRegistry } from '../registry/index.ts';
import { type Hold, type LevelRecord, levelEvidenceFolder, type ReleaseRecord } from '../releases/index.ts';
import { type Digest, hexOf, type Instant, ok, parseDigest, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import type { LevelPlan } from './level-plan.ts';
import type { PromotedImage } from './plan.ts';

/** What a command has to sign: by image, or under '' what is about no single image. */
export interface Statements {
  /** Digests of the files. */
  made: Map<string, Digest>;
  /** Sign what is not signed yet, and write it. */
  write(): Promise<Outcome>;
  /** Attach the statement about an image to it; `sign` says that it is signed itself, too. */
  attach(target: ImageRegistry, image: PromotedImage, sign: boolean): Promise<Outcome>;
  /** Files of the workspace. */
  files(): string[];
}

export interface StatementsRequest {
  workspace: Workspace;
  /** Of the workspace. */
  folder: string;
  /** Of other releases whose records name the same statements. */
  copies?: readonly string[];
  unsigned: Readonly<Record<string, Statement>>;
  /** Files of a run that came as far as to sign. */
  signed: Readonly<Record<string, Digest>>;
  /** Undefined where no keys are trusted. */
  signer: Signer | undefined;
  /** Who signs what is about no single image, where that is another. */
  whole?: Signer;
  at: Instant;
}

export function openStatements(request: StatementsRequest): Statements {
  const { workspace, folder, copies = [], unsigned, signed, signer, whole = signer, at } = request;
  const made = new Map<string, Digest>(Object.entries(signed));
  const texts = new Map<string, SignedStatement>();
  const fileOf = (digest: Digest): string => `${folder}/${hexOf(digest)}.json`;
  const load = async (image: string): Promise<Result<SignedStatement>> => {
    const known = texts.get(image);
    return known ? ok(known) : loadStatement(workspace, fileOf(made.get(image)!));
  };
  return {
    made,
    write: async () => {
      for (const [image, statement] of Object.entries(unsigned)) {
        if (made.has(image)) continue;
        const written = await signStatement(statement, image === '' ? whole : signer);
        if (!written.ok) return { status: 'failed', problem: written.problems[0]! };
        // Its own folder last: a run that finds it there finds it everywhere.
        for (const each of [...copies, folder]) await writeEvidence(workspace.root, each, written.value);
        texts.set(image, written.value);
        made.set(image, written.value.digest);
      }
      return { status: 'done' };
    },
    attach: async (target, { name, digest, to, reference }, sign) => {
      const statement = await load(made.has(name) ? name : '');
      if (!statement.ok) return { status: 'failed', problem: statement.problems[0]! };
      const repository = reference.slice(0, reference.lastIndexOf('@'));
      for (const each of subjectsIn(statement.value.statement, repository, digest)) {
        const attached = await attachStatement(target, to.repository, each, statement.value);
        if (!attached.ok) return { status: 'failed', problem: attached.problems[0]! };
        if (!sign) continue;
        const own = await attachSignature(target, to.repository, each, signer, repository, at);
        if (!own.ok) return { status: 'failed', problem: own.problems[0]! };
      }
      return { status: 'done' };
    },
    files: () => [...made.values()].map(fileOf),
  };
}

/** Files of statements that records name of a level: they are committed with them, whoever wrote them. */
export function namedStatements(
  level: string,
  records: readonly ReleaseRecord[],
  { held, withheld = [] }: LevelRecord,
): string[] {
  const fileIn = (folder: string, digest: Digest): string => `${folder}/${hexOf(digest)}.json`;
  const files = records.flatMap(({ name, promotions = [], withdrawals = [] }) => {
    const own = promotions.filter((each) => each.level === level);
    const made = own.flatMap(({ statements = {}, emergency }) => [...Object.values(statements), emergency?.statement]);
    const taken = withdrawals.filter((each) => each.level === level).map(({ statement }) => statement);
    return [...made, ...taken].flatMap((digest) => (digest ? fileIn(evidenceFolder(name), digest) : []));
  });
  // A release that was taken away names its statement itself.
  const released = withheld.some(({ statement }) => statement === held?.statement);
  return held?.statement && !released ? [...files, fileIn(levelEvidenceFolder(level), held.statement)] : files;
}

/** What of a statement is about one repository: an image, and the images of single platforms in it. */
export function subjectsIn({ subject }: Statement, repository: string, image: Digest): Digest[] {
  const own = subject.filter(({ name }) => name === repository);
  return [...new Set([image, ...own.flatMap(({ digest }) => parseDigest(`sha256:${digest.sha256}`) ?? [])])];
}

/** The level with the statement of a command in the holds that it has just written. */
export function withHoldStatements(
  standing: LevelRecord,
  { at, details: { by, records } }: LevelPlan,
  statement: Digest | undefined,
): LevelRecord {
  if (statement === undefined) return standing;
  const named = <T extends Hold>(hold: T): T => (hold.at === at && hold.by === by ? { ...hold, statement } : hold);
  const { held, withheld } = standing;
  // Another command may have been run in the same second: this one is about the level, or about these releases.
  if (records.length === 0) return { ...standing, held: held && named(held) };
  const own = (release: string): boolean => records.some(({ name }) => name === release);
  return { ...standing, withheld: (withheld ?? []).map((each) => (own(each.release) ? named(each) : each)) };
}

/** The record with the statements of an operation in what it says of that operation. */
export function withStatements(
  record: ReleaseRecord,
  operation: string,
  made: ReadonlyMap<string, Digest>,
): ReleaseRecord {
  const whole = made.get('');
  const promotions = record.promotions?.map((each) => {
    if (each.operation !== operation) return each;
    const own = Object.keys(each.images).flatMap((name) => (made.has(name) ? [[name, made.get(name)!] as const] : []));
    const emergency = each.emergency && whole ? { emergency: { ...each.emergency, statement: whole } } : {};
    return { ...each, ...(own.length > 0 ? { statements: Object.fromEntries(own) } : {}), ...emergency };
  });
  const withdrawals = record.withdrawals?.map((each) =>
    each.operation === operation && whole ? { ...each, statement: whole } : each,
  );
  return { ...record, ...(promotions ? { promotions } : {}), ...(withdrawals ? { withdrawals } : {}) };
}
