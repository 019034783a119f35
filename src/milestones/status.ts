import { type CalendarDate, daysBetween, type Problem, problem } from '../support/index.ts';
import { type IdKey, keyOf } from './id.ts';
import { externalsOf, type Feature, type Milestone, neededOf, type Roadmap } from './roadmap.ts';

/** What the records say of a release, as far as milestones ask. */
export interface ReleaseFact {
  date: CalendarDate;
  /** Levels its images stood at, in the order of promotion. */
  levels: string[];
}

/** Derived facts and the day they are asked for. */
export interface StatusFacts {
  asOf: CalendarDate;
  releases: ReadonlyMap<string, ReleaseFact>;
  /** Releases on which all that verifies a feature has passed, by feature. */
  verified?: ReadonlyMap<IdKey, readonly Pick<ReleaseFact, 'date'>[]>;
}

export type FeatureState = 'planned' | 'in-progress' | 'delivered' | 'verified' | 'withdrawn' | 'deferred';
export type MilestoneState = 'planned' | 'in-progress' | 'ready' | 'achieved';
export type Flag = 'late' | 'blocked' | 'contradicted' | 'contradicted-upstream' | 'waived';

export interface FeatureStatus {
  feature: Feature;
  state: FeatureState;
  flags: Flag[];
  /** The release that delivered it, when a record proves that. */
  release?: { name: string } & ReleaseFact;
  waiver?: { reason: string; by: string; ref?: string };
  daysLate?: number;
  contradiction?: string;
}

/** Why a milestone must wait: the chain of prerequisites down to the one that is itself free to go on. */
export class Blocker {
  /** The last of the chain, and what it still lacks. */
  readonly root: string;
  readonly missing: string[];
  readonly length: number;
  readonly #id: string;
  readonly #next: Blocker | undefined;

  constructor(id: string, missing: string[], next?: Blocker) {
    this.root = next?.root ?? id;
    this.missing = missing;
    this.length = (next?.length ?? 0) + 1;
    this.#id = id;
    this.#next = next;
  }

  /** Links are shared: the chains of a long line of milestones, written out, would take the square of its length. */
  get chain(): string[] {
    const chain: string[] = [];
    for (let link: Blocker | undefined = this; link; link = link.#next) chain.push(link.#id);
    return chain;
  }

  toJSON(): { chain: string[]; missing: string[] } {
    return { chain: this.chain, missing: this.missing };
  }
}

export interface MilestoneStatus {
  milestone: Milestone;
  state: MilestoneState;
  flags: Flag[];
  features: FeatureStatus[];
  blockers: Blocker[];
  /** What stands between this state and `achieved`, nearest first. */
  missing: string[];
  daysLate?: number;
  findings: Problem[];
}

/** The status of everything, derived from facts; each item is worked out once. The graph must have no cycle. */
export class StatusBoard {
  #milestones = new Map<IdKey, MilestoneStatus>();
  #features = new Map<Feature, FeatureStatus>();
  readonly roadmap: Roadmap;
  readonly facts: StatusFacts;

  constructor(roadmap: Roadmap, facts: StatusFacts) {
    this.roadmap = roadmap;
    this.facts = facts;
  }

  feature(feature: Feature): FeatureStatus {
    let status = this.#features.get(feature);
    if (!status) {
      status = deriveFeature(feature, this.facts);
      this.#features.set(feature, status);
    }
    return status;
  }

  milestone(key: IdKey): MilestoneStatus {
    // Prerequisites first, by a stack of our own: real chains are short, hostile ones need not be.
    // A prerequisite is looked at when all of its own are known, so each list is walked once or twice, not once a user.
    const waiting = [key];
    while (waiting.length > 0) {
      const next = waiting.at(-1)!;
      const milestone = this.roadmap.items.get(next) as Milestone;
      const known = this.#milestones.has(next);
      const open = known
        ? []
        : neededOf(this.roadmap, milestone, 'milestone').filter((each) => !this.#milestones.has(each.key));
      for (const each of open) waiting.push(each.key);
      if (open.length > 0) continue;
      waiting.pop();
      if (!known) this.#milestones.set(next, this.#derive(milestone));
    }
    return this.#milestones.get(key)!;
  }

  /** The statuses of a milestone's direct prerequisites, in order. */
  prerequisites(milestone: Milestone): MilestoneStatus[] {
    return neededOf(this.roadmap, milestone, 'milestone').map((each) => this.milestone(each.key));
  }

  #derive(milestone: Milestone): MilestoneStatus {
    const { asOf } = this.facts;
    const features = neededOf(this.roadmap, milestone, 'feature').map((each) =>
      withWaiver(this.feature(each), milestone, asOf, this.roadmap),
    );
    const prerequisites = this.prerequisites(milestone);
    const blockers = this.#blockers(milestone, features, prerequisites);
    const missing = missingOf(milestone, features, asOf);
    const state = stateOf(features, blockers, missing);
    const flags: Flag[] = [];
    const findings: Problem[] = [];
    const late = state !== 'achieved' && milestone.due !== undefined && milestone.due < asOf;
    if (late) flags.push('late');
    if (state !== 'achieved' && blockers.length > 0) flags.push('blocked');
    if (milestone.completed && milestone.completed.on <= asOf && state !== 'achieved') {
      flags.push('contradicted');
      const waits = blockers.map(({ root }) => {
        const isExternal = this.roadmap.items.get(keyOf(root))?.kind === 'external';
        return `${root} is not ${isExternal ? 'recorded as complete' : 'achieved'}`;
      });
      const because = [...waits, ...missing].slice(0, 3).join('; ');
      const message = `${milestone.id} is declared complete on ${milestone.completed.on}, but ${because}`;
      const hint = 'reopen it, record what is missing, or waive it with a reason';
      findings.push(problem('claim-contradicted', message, { at: milestone.at, hint, subject: milestone.id }));
    }
    for (const { contradiction, feature } of features) {
      if (contradiction === undefined) continue;
      const details = {
        at: feature.at,
        subject: feature.id,
        hint: 'name a release that has a record, or remove the claim',
      };
      findings.push(problem('claim-contradicted', `${feature.id} ${contradiction}`, details));
    }
    if (prerequisites.some(({ flags }) => flags.some((flag) => flag.startsWith('contradicted')))) {
      flags.push('contradicted-upstream');
    }
    if (features.some((each) => each.waiver)) flags.push('waived');
    return {
      milestone,
      state,
      flags,
      features,
      blockers,
      missing,
      findings,
      ...(late ? { daysLate: daysBetween(milestone.due!, asOf) } : {}),
    };
  }

  #blockers(milestone: Milestone, features: FeatureStatus[], prerequisites: MilestoneStatus[]): Blocker[] {
    const settled = new Set(features.filter(isSettled).map(({ feature }) => feature));
    const behind = prerequisites
      .filter((each) => each.state !== 'achieved')
      .flatMap((each): Blocker[] =>
        each.blockers.length > 0
          ? each.blockers.map((blocker) => new Blocker(each.milestone.id, blocker.missing, blocker))
          : [new Blocker(each.milestone.id, each.missing)],
      );
    const outside = externalsOf(this.roadmap, milestone)
      .filter(({ external }) => !(external.completed && external.completed.on <= this.facts.asOf))
      .filter(({ via }) => via === undefined || !settled.has(via))
      .map(({ external, via }): Blocker => {
        const last = new Blocker(external.id, [`${external.id} is not recorded as complete`]);
        return via ? new Blocker(via.id, last.missing, last) : last;
      });
    const shortest = new Map<string, Blocker>();
    for (const blocker of [...behind, ...outside]) {
      if ((shortest.get(blocker.root)?.length ?? Infinity) > blocker.length) shortest.set(blocker.root, blocker);
    }
    return [...shortest.values()];
  }
}

export const isDelivered = ({ state }: FeatureStatus): boolean => state === 'delivered' || state === 'verified';
const isOut = ({ state }: FeatureStatus): boolean => state === 'withdrawn' || state === 'deferred';
/** Nothing more is waited for. */
const isSettled = (each: FeatureStatus): boolean => isDelivered(each) || isOut(each) || each.waiver !== undefined;

function deriveFeature(feature: Feature, { asOf, releases, verified }: StatusFacts): FeatureStatus {
  const { setAside } = feature;
  if (setAside && (setAside.on === undefined || setAside.on <= asOf)) return { feature, state: setAside.as, flags: [] };
  const claim = feature.delivered;
  const record = claim?.tag === undefined ? undefined : releases.get(claim.tag);
  if (claim?.tag !== undefined && record && record.date <= asOf) {
    // A result counts for a release that contains the feature: the one that delivered it, or a later one.
    const isVerified = verified?.get(feature.key)?.some(({ date }) => date >= record.date);
    const state = isVerified ? 'verified' : 'delivered';
    return { feature, state, flags: [], release: { name: claim.tag, ...record } };
  }
  const status: FeatureStatus = {
    feature,
    state: feature.started !== undefined && feature.started <= asOf ? 'in-progress' : 'planned',
    flags: [],
  };
  if (feature.due !== undefined && feature.due < asOf) {
    status.flags.push('late');
    status.daysLate = daysBetween(feature.due, asOf);
  }
  const claimed = claim !== undefined && (claim.on === undefined || claim.on <= asOf) && record === undefined;
  if (claimed) {
    status.flags.push('contradicted');
    status.contradiction =
      claim.tag === undefined
        ? `is declared delivered on ${claim.on}, but names no release`
        : `is declared delivered by ${claim.tag}, which has no release record`;
  }
  return status;
}

function withWaiver(status: FeatureStatus, milestone: Milestone, asOf: CalendarDate, roadmap: Roadmap): FeatureStatus {
  const waiver = milestone.waivers.find((each) => roadmap.names.get(each.feature) === status.feature.key);
  if (!waiver || isDelivered(status) || (waiver.until !== undefined && waiver.until < asOf)) return status;
  const { reason, by, ref } = waiver;
  return { ...status, flags: [...status.flags, 'waived'], waiver: { reason, by, ...(ref ? { ref } : {}) } };
}

function missingOf(milestone: Milestone, features: FeatureStatus[], asOf: CalendarDate): string[] {
  const counted = features.filter((each) => !isOut(each) && !each.waiver);
  const open = counted.filter((each) => !isDelivered(each)).map((each) => `${each.feature.id} is not delivered`);
  if (open.length > 0) return open;
  const verified = milestone.achievedNeeds === 'delivered' || counted.every(({ state }) => state === 'verified');
  const unverified = counted.filter(({ state }) => state !== 'verified');
  const reported =
    milestone.completed !== undefined &&
    milestone.completed.on <= asOf &&
    (milestone.completed.evidence ?? []).some(({ kind }) => kind === 'report');
  return [
    ...(verified ? [] : unverified.map((each) => `${each.feature.id} is not verified`)),
    ...(reported ? [] : ['no test report is recorded']),
  ];
}

function stateOf(features: FeatureStatus[], blockers: Blocker[], missing: string[]): MilestoneState {
  if (missing.length === 0 && blockers.length === 0) return 'achieved';
  const done = features.every(isSettled);
  if (done && blockers.length === 0) return 'ready';
  return features.some(({ state }) => state !== 'planned') ? 'in-progress' : 'planned';
}
