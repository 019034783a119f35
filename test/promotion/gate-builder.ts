import type { Author, CheckFact, GateDecision, GateFacts, ResultFact } from '../../src/promotion/index.ts';
import { type Digest, digestOf, type Instant } from '../../src/support/index.ts';

export const at = (text: string) => text as Instant;
export const [stack, other, rule, bundle] = ['stack', 'other', 'rule', 'bundle'].map(digestOf) as [
  Digest,
  Digest,
  Digest,
  Digest,
];
export const passedAt = at('2018-05-03T10:00:00Z');
export const unsigned: Author = { name: 'unsigned', person: 'unsigned', roles: undefined };

export const result = (more: Partial<ResultFact> = {}): ResultFact => ({
  file: 'releases/w.2018.18/evidence/smoke.json',
  by: unsigned,
  at: passedAt,
  check: 'smoke',
  digest: stack,
  configuration: rule,
  passed: true,
  ...more,
});
export const smoke: CheckFact = { check: 'smoke', images: ['stack'], configuration: rule };
export const dev = { level: 'dev', since: at('2018-05-03T12:00:00Z'), images: { stack }, meant: ['stack'] };

/** A release that may go up: built, at dev for three days, checked. */
export const facts = (more: Partial<GateFacts> = {}): GateFacts => ({
  release: 'w.2018.18',
  releaseDigest: bundle,
  level: 'batch',
  now: at('2018-05-06T12:00:00Z'),
  signed: false,
  images: [{ name: 'stack', digest: stack, size: 2 ** 20 }],
  after: { any: false, levels: [dev] },
  checks: [smoke],
  ceilings: {},
  soak: '48h',
  approvals: [],
  waivers: undefined,
  frozen: undefined,
  held: undefined,
  newer: undefined,
  milestone: undefined,
  emergency: undefined,
  results: [result()],
  approved: [],
  waived: [],
  summaries: [],
  withdrawn: [],
  broken: [],
  unproved: [],
  ...more,
});

export const unmet = ({ conditions }: GateDecision) =>
  conditions.filter(({ state }) => state !== 'met').map(({ kind, text }) => `${kind}: ${text}`);
