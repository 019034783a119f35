import type { CalendarDate, Digest, Instant, Problem } from '../support/index.ts';

/** Who made a statement, as far as that is proved. */
export interface Author {
  /** The key's name; without trust, who git says it was, or `unsigned`. */
  name: string;
  /** Two keys of one person are one person. */
  person: string;
  /** Roles of the key; undefined when nothing is signed. */
  roles: readonly string[] | undefined;
}

/** A file that says something, who says it, and when. */
export interface StatementFact {
  file: string;
  by: Author;
  at: Instant;
}

/** A check was run on an image. */
export interface ResultFact extends StatementFact {
  check: string;
  digest: Digest;
  /** Digest of the check's definition at the time. */
  configuration: Digest;
  passed: boolean;
  /** What was counted, by name: vulnerabilities by severity. */
  counts?: Readonly<Record<string, number>>;
}

/** Somebody agrees that a release goes to a level. */
export interface ApprovalFact extends StatementFact {
  level: string;
  role: string;
  release: Digest;
  message?: string;
}

/** Somebody answers for a check that is not met: a deviation. */
export interface WaiverFact extends StatementFact {
  level: string;
  check: string;
  /** What it is bound to: the release as it is, or one image of it. */
  subject: Digest;
  image?: string;
  reason: string;
  /** The last day on which it holds. */
  until: CalendarDate;
}

/** A level's promoter says that an image was verified for it, or that it no longer is. */
export interface SummaryFact extends StatementFact {
  levels: readonly string[];
  digests: readonly Digest[];
  passed: boolean;
}

/** Somebody took a release away from a level. */
export interface WithdrawalFact extends StatementFact {
  level: string;
  digests: readonly Digest[];
}

/** Somebody promoted past the gate: what is not met is owed. */
export interface EmergencyFact {
  reason: string;
  ref: string;
  by: string;
  at: Instant;
}

/** What stands at a level before. */
export interface AfterFact {
  level: string;
  since: Instant | undefined;
  /** When another release took its place: time after that is no soak. */
  until?: Instant;
  images: Readonly<Record<string, Digest>>;
  /** Images of this level that are meant for that one too. */
  meant: readonly string[];
}

/** A check the level asks for. */
export interface CheckFact {
  check: string;
  images: readonly string[];
  /** Digest of its definition now. */
  configuration: Digest;
  /** How long a result holds, `7d`; without it, for ever. */
  freshness?: string;
  /** It is shown and keeps nothing out. */
  advisory?: boolean;
}

/**
 * Everything a gate may know: no clock, no files, no registry behind it. Statements are those whose signatures were
 * verified already; whether their authors may say what they say is for the gate to judge.
 */
export interface GateFacts {
  release: string;
  /** Over its name and the digests of all its images: what approvals and waivers are bound to. */
  releaseDigest: Digest;
  level: string;
  now: Instant;
  /** The workspace trusts keys: what is not signed by a key of the role counts for nothing. */
  signed: boolean;
  /** The images meant for this level, with what the release record says was built. */
  images: readonly { name: string; digest: Digest | undefined; size?: number }[];
  /** Levels before this one: all of them are asked for, or any one. */
  after: { any: boolean; levels: readonly AfterFact[] };
  checks: readonly CheckFact[];
  ceilings: {
    /** The most vulnerabilities by severity, and the checks that count them. */
    vulnerabilities?: { max: Readonly<Record<string, number>>; checks: readonly string[] };
    size?: string;
  };
  soak: string | undefined;
  approvals: readonly { role: string; count: number; within?: string }[];
  /** Who may waive; undefined: nobody, where keys are trusted. */
  waivers: string | undefined;
  /** Set while nothing may be promoted. */
  frozen: { reason: string; until: Instant | undefined } | undefined;
  held: { by: string; reason: string } | undefined;
  /** A newer release that stands at the level already. */
  newer: string | undefined;
  /** Features of the level's milestone that are not verified, of those that were not set aside or waived. */
  milestone: { id: string; unverified: readonly string[]; features: number; setAside: number } | undefined;
  emergency: EmergencyFact | undefined;
  results: readonly ResultFact[];
  approved: readonly ApprovalFact[];
  waived: readonly WaiverFact[];
  /** What promoters said. Where keys are trusted, nothing stands at a level without. */
  summaries: readonly SummaryFact[];
  /** What was taken away since is no longer there, whatever a promoter said before. */
  withdrawn: readonly WithdrawalFact[];
  /** Files of evidence that were changed or cannot be read: something is wrong with the record. */
  broken: readonly Problem[];
  /** Statements whose signature proves nothing. */
  unproved: readonly { file: string; why: string }[];
}
