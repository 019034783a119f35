import { type CalendarDate, didYouMean, failed, ok, type Position, problem, type Result } from '../support/index.ts';
import { type IdKey, keyOf } from './id.ts';

/** Something a person says is finished; checked against what is derived, never believed. */
export interface Claim {
  on: CalendarDate;
  ref?: string;
  evidence?: { kind: string; ref: string }[];
}

interface Item {
  /** As it is written where it is defined. */
  id: string;
  key: IdKey;
  title: string | null;
  aka: string[];
  due?: CalendarDate;
  note?: string;
  /** Where it is defined. */
  at: Position;
}

export interface Feature extends Item {
  kind: 'feature';
  owner?: string;
  cycle?: string;
  /** What another subsystem delivers and this feature waits for. */
  external?: IdKey;
  started?: CalendarDate;
  delivered?: { tag?: string; on?: CalendarDate };
  setAside?: { as: 'withdrawn' | 'deferred'; reason: string; on?: CalendarDate; ref?: string };
}

export interface External extends Item {
  kind: 'external';
  owner?: string;
  completed?: Claim;
}

export interface Waiver {
  feature: IdKey;
  reason: string;
  by: string;
  ref?: string;
  until?: CalendarDate;
}

export interface Milestone extends Item {
  kind: 'milestone';
  section?: string;
  owner?: string;
  cycle?: string;
  /** What the document lists, in its order. */
  needs: IdKey[];
  /** Prerequisites that the document's list leaves out, with the reason. */
  unlisted: { key: IdKey; reason: string }[];
  achievedNeeds: 'verified' | 'delivered';
  waivers: Waiver[];
  completed?: Claim;
}

export type RoadmapItem = Feature | External | Milestone;

/** What is to be delivered, by when, and what waits for what: LDM-564 section 3, as a graph. */
export interface Roadmap {
  items: Map<IdKey, RoadmapItem>;
  /** Every id and alias, to the key of what it names. */
  names: Map<IdKey, IdKey>;
}

export function findItem(roadmap: Roadmap, id: string): RoadmapItem | undefined {
  const key = roadmap.names.get(keyOf(id));
  return key === undefined ? undefined : roadmap.items.get(key);
}

/** The milestone an id or alias names. Problem: `unknown-milestone`. */
export function requireMilestone(roadmap: Roadmap, id: string): Result<Milestone> {
  const found = findItem(roadmap, id);
  if (found?.kind === 'milestone') return ok(found);
  if (found) {
    const hint = `name a milestone that needs it; 'dmrel milestone list' shows all`;
    return failed(problem('unknown-milestone', `${found.id} is a ${found.kind}, not a milestone`, { hint }));
  }
  const known = milestonesOf(roadmap).map((each) => each.id);
  const hint = didYouMean(id, known) ?? `'dmrel milestone list' shows all ${known.length}`;
  return failed(problem('unknown-milestone', `there is no milestone '${id}'`, { hint }));
}

export function milestonesOf(roadmap: Roadmap): Milestone[] {
  return [...roadmap.items.values()].filter((item) => item.kind === 'milestone');
}

/** What a milestone needs, of one kind, in the document's order; unlisted prerequisites last. */
export function neededOf<Kind extends RoadmapItem['kind']>(
  roadmap: Roadmap,
  milestone: Milestone,
  kind: Kind,
): Extract<RoadmapItem, { kind: Kind }>[] {
  const keys = [...milestone.needs, ...milestone.unlisted.map(({ key }) => key)];
  return keys
    .map((key) => roadmap.items.get(key))
    .filter((item): item is Extract<RoadmapItem, { kind: Kind }> => item?.kind === kind);
}

/** The externals a milestone waits for: those it lists, and those its features name. */
export function externalsOf(roadmap: Roadmap, milestone: Milestone): { external: External; via?: Feature }[] {
  const direct = neededOf(roadmap, milestone, 'external').map((external) => ({ external }));
  const behind = neededOf(roadmap, milestone, 'feature').flatMap((feature) => {
    const external = feature.external === undefined ? undefined : roadmap.items.get(feature.external);
    return external?.kind === 'external' ? [{ external, via: feature }] : [];
  });
  return [...direct, ...behind];
}

/** Who names an item among what they need, by due date: milestones only, for nothing else has needs. */
export function usersOf(roadmap: Roadmap): Map<IdKey, Milestone[]> {
  const users = new Map<IdKey, Milestone[]>();
  for (const milestone of milestonesOf(roadmap)) {
    for (const key of [...milestone.needs, ...milestone.unlisted.map((each) => each.key)]) {
      const known = users.get(key);
      if (known) known.push(milestone);
      else users.set(key, [milestone]);
    }
  }
  return users;
}
