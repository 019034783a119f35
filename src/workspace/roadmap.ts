import type { Document } from '../documents/index.ts';
import {
  type Claim,
  type Feature,
  findCycles,
  type IdKey,
  keyOf,
  type Milestone,
  milestonesOf,
  type Roadmap,
  type RoadmapItem,
  type Waiver,
} from '../milestones/index.ts';
import { type CalendarDate, didYouMean, type Problem, parseDate, whyNoDate } from '../support/index.ts';

type RawClaim = { on: string; ref?: string; evidence?: { kind: string; ref: string }[] };
type RawItem = { title: string | null; aka?: string[]; due?: string; note?: string };
type RawFeature = RawItem & {
  cycle?: string;
  external?: string;
  started?: string;
  delivered?: { tag?: string; on?: string };
  withdrawn?: { reason: string; on?: string; ref?: string };
  deferred?: { reason: string; on?: string; ref?: string };
};
type RawExternal = RawItem & { owner?: string; completed?: RawClaim };
type RawMilestone = RawItem & {
  section?: string;
  owner?: string;
  cycle?: string;
  needs?: string[];
  unlisted?: Record<string, string>;
  achievedNeeds?: 'verified' | 'delivered';
  waivers?: { feature: string; reason: string; by: string; ref?: string; until?: string }[];
  completed?: RawClaim;
};
export type RoadmapFile = {
  schema: string;
  owner?: string;
  features?: Record<string, RawFeature>;
  milestones?: Record<string, RawMilestone>;
  externals?: Record<string, RawExternal>;
};

/** So many are more than anybody reads, and few enough to be handed on. */
const maxFindings = 10_000;

const sections = ['features', 'externals', 'milestones'] as const;
type Section = (typeof sections)[number];

/**
 * One roadmap from all its files, with every finding across them: ids, aliases, references, dates, cycles.
 * @param unread ids that files with findings of their own seem to define: naming one of these is no finding
 * @param warnings whether warnings are wanted; finding where they stand costs more than finding that there are none
 */
export function linkRoadmap(
  documents: readonly Document<RoadmapFile>[],
  { unread = new Set<IdKey>(), warnings = true }: { unread?: ReadonlySet<IdKey>; warnings?: boolean } = {},
): { roadmap: Roadmap; problems: Problem[] } {
  const roadmap: Roadmap = { items: new Map(), names: new Map() };
  const problems: Problem[] = [];
  const origins = new Map<RoadmapItem, { document: Document<RoadmapFile>; path: [Section, string] }>();
  for (const document of documents) {
    for (const section of sections) {
      for (const [id, raw] of Object.entries(document.value[section] ?? {})) {
        const path: [Section, string] = [section, id];
        const key = keyOf(id);
        const earlier = roadmap.items.get(key);
        if (earlier) {
          const { file, line } = earlier.at;
          const hint = `${earlier.id} is defined in ${file}:${line}; keep one of the two`;
          problems.push(document.problem('duplicate-id', path, `${id} is defined twice`, { hint, subject: id }));
          continue;
        }
        const item = toItem(document, path, key, raw);
        roadmap.items.set(key, item);
        roadmap.names.set(key, key);
        origins.set(item, { document, path });
        problems.push(...checkDates(document, path, raw));
      }
    }
  }
  for (const [item, { document, path }] of origins) problems.push(...registerAliases(roadmap, item, document, path));
  const suggest = idSuggestions(roadmap);
  for (const [item, { document, path }] of origins) {
    if (warnings && (item.title === null || item.title.trim() === '')) {
      const details = { severity: 'warning', hint: 'give it a title when it is known', subject: item.id } as const;
      problems.push(document.problem('blank-title', path, `${item.id} has no title`, details));
    }
    if (problems.length < maxFindings)
      problems.push(...checkReferences(roadmap, item, document, path, suggest, unread, warnings));
  }
  problems.push(...checkCycles(roadmap, origins));
  return { roadmap, problems };
}

function toItem(
  document: Document<RoadmapFile>,
  [section, id]: [Section, string],
  key: IdKey,
  raw: object,
): RoadmapItem {
  const { title, aka = [], due, note } = raw as RawItem;
  const item = {
    id,
    key,
    title,
    aka,
    at: document.locate([section, id]),
    ...(due === undefined ? {} : { due: due as CalendarDate }),
    ...(note === undefined ? {} : { note }),
  };
  const owner = (raw as RawExternal).owner ?? document.value.owner;
  const owned = owner === undefined ? {} : { owner };
  if (section === 'externals') {
    const { completed } = raw as RawExternal;
    return { ...item, kind: 'external', ...owned, ...(completed ? { completed: completed as Claim } : {}) };
  }
  if (section === 'features') return { ...item, kind: 'feature', ...owned, ...featureFields(raw as RawFeature) };
  return { ...item, kind: 'milestone', ...owned, ...milestoneFields(raw as RawMilestone) };
}

function featureFields(raw: RawFeature): Partial<Feature> {
  const setAside = raw.withdrawn ?? raw.deferred;
  return {
    ...(raw.cycle === undefined ? {} : { cycle: raw.cycle }),
    ...(raw.external === undefined ? {} : { external: keyOf(raw.external) }),
    ...(raw.started === undefined ? {} : { started: raw.started as CalendarDate }),
    ...(raw.delivered === undefined ? {} : { delivered: raw.delivered as NonNullable<Feature['delivered']> }),
    ...(setAside
      ? { setAside: { as: raw.withdrawn ? 'withdrawn' : 'deferred', ...setAside } as NonNullable<Feature['setAside']> }
      : {}),
  };
}

function milestoneFields(raw: RawMilestone): Omit<Milestone, 'kind' | 'id' | 'key' | 'title' | 'aka' | 'at'> {
  return {
    needs: (raw.needs ?? []).map(keyOf),
    unlisted: Object.entries(raw.unlisted ?? {}).map(([id, reason]) => ({ key: keyOf(id), reason })),
    achievedNeeds: raw.achievedNeeds ?? 'verified',
    waivers: (raw.waivers ?? []).map((each) => ({ ...each, feature: keyOf(each.feature) }) as Waiver),
    ...(raw.section === undefined ? {} : { section: raw.section }),
    ...(raw.cycle === undefined ? {} : { cycle: raw.cycle }),
    ...(raw.completed === undefined ? {} : { completed: raw.completed as Claim }),
  };
}

const dateFields = [
  ['due'],
  ['started'],
  ['delivered', 'on'],
  ['completed', 'on'],
  ['withdrawn', 'on'],
  ['deferred', 'on'],
];

function checkDates(document: Document<RoadmapFile>, path: [Section, string], raw: object): Problem[] {
  const fields: (string | number)[][] = [...dateFields];
  for (const index of (raw as RawMilestone).waivers?.keys() ?? []) fields.push(['waivers', index, 'until']);
  return fields.flatMap((field) => {
    let found: unknown = raw;
    for (const step of field) found = (found as Record<string, unknown> | undefined)?.[step];
    if (typeof found !== 'string' || parseDate(found)) return [];
    const details = { part: 'value', hint: whyNoDate(found) } as const;
    return [document.problem('no-such-date', [...path, ...field], `there is no day ${found}`, details)];
  });
}

function registerAliases(
  roadmap: Roadmap,
  item: RoadmapItem,
  document: Document<RoadmapFile>,
  path: [Section, string],
): Problem[] {
  return item.aka.flatMap((alias, index) => {
    const key = keyOf(alias);
    const taken = roadmap.names.get(key);
    if (taken === undefined || taken === item.key) {
      roadmap.names.set(key, item.key);
      return [];
    }
    const other = roadmap.items.get(taken)!;
    const hint = `${other.id} (${other.at.file}:${other.at.line}) has that name already`;
    const message = `${item.id} cannot also be called '${alias}'`;
    return [document.problem('alias-collision', [...path, 'aka', index], message, { hint, subject: item.id })];
  });
}

const maxSuggestions = 100;

/** Comparing a name with every other is slow: after the first hundred, nobody reads on. */
function idSuggestions(roadmap: Roadmap): (id: string) => string | undefined {
  let ids: string[] | undefined;
  let left = maxSuggestions;
  return (id) => {
    if (left-- <= 0) return undefined;
    ids ??= [...roadmap.items.values()].map((item) => item.id);
    return didYouMean(id, ids);
  };
}

const withArticle = (kind: RoadmapItem['kind']): string => (kind === 'external' ? `an ${kind}` : `a ${kind}`);

function checkReferences(
  roadmap: Roadmap,
  item: RoadmapItem,
  document: Document<RoadmapFile>,
  path: [Section, string],
  suggest: (id: string) => string | undefined,
  unread: ReadonlySet<IdKey>,
  warnings: boolean,
): Problem[] {
  const problems: Problem[] = [];
  const expect = (key: IdKey, field: (string | number)[], written: string, kinds: readonly RoadmapItem['kind'][]) => {
    if (problems.length >= maxFindings) return;
    const found = roadmap.items.get(roadmap.names.get(key) ?? key);
    const at = [...path, ...field];
    if (!found) {
      if (unread.has(key)) return;
      const hint = suggest(written) ?? 'define it in a file under milestones/';
      problems.push(document.problem('unknown-id', at, `nothing is called '${written}'`, { hint, subject: item.id }));
    } else if (!kinds.includes(found.kind)) {
      const message = `'${written}' is ${withArticle(found.kind)}`;
      const hint = `expected ${kinds.map(withArticle).join(' or ')}`;
      problems.push(document.problem('unknown-id', at, message, { hint, subject: item.id }));
    } else if (
      warnings &&
      item.kind === 'milestone' &&
      item.due !== undefined &&
      found.due !== undefined &&
      found.due > item.due
    ) {
      const message = `${found.id} is due ${found.due}, after ${item.id} (${item.due}), which needs it`;
      problems.push(document.problem('due-inversion', at, message, { severity: 'warning', subject: item.id }));
    }
  };
  if (item.kind === 'feature' && item.external !== undefined) {
    const written = document.value.features![item.id]!.external!;
    expect(item.external, ['external'], written, ['external']);
    item.external = roadmap.names.get(item.external) ?? item.external;
  }
  if (item.kind !== 'milestone') return problems;
  const raw = document.value.milestones?.[item.id] as RawMilestone;
  item.needs = item.needs.map((key, index) => {
    expect(key, ['needs', index], raw.needs![index]!, ['feature', 'milestone', 'external']);
    return roadmap.names.get(key) ?? key;
  });
  const unlistedNames = Object.keys(raw.unlisted ?? {});
  for (const [index, unlisted] of item.unlisted.entries()) {
    const written = unlistedNames[index]!;
    expect(unlisted.key, ['unlisted', written], written, ['feature', 'milestone', 'external']);
    unlisted.key = roadmap.names.get(unlisted.key) ?? unlisted.key;
  }
  const seen = new Set<IdKey>();
  for (const key of [...item.needs, ...item.unlisted.map((each) => each.key)]) {
    if (seen.has(key)) {
      const message = `${item.id} needs ${roadmap.items.get(key)?.id ?? key} twice`;
      problems.push(document.problem('duplicate-id', path, message, { subject: item.id }));
    }
    seen.add(key);
  }
  for (const [index, waiver] of item.waivers.entries()) {
    const written = raw.waivers![index]!.feature;
    expect(waiver.feature, ['waivers', index, 'feature'], written, ['feature']);
    const waived = roadmap.names.get(waiver.feature);
    if (!warnings || waived === undefined || seen.has(waived) || roadmap.items.get(waived)?.kind !== 'feature')
      continue;
    const hint = 'see to the id; a waiver is for a feature among its needs';
    const details = { severity: 'warning', part: 'value', hint, subject: item.id } as const;
    const message = `${item.id} waives ${written}, which it does not need`;
    problems.push(document.problem('unknown-id', [...path, 'waivers', index, 'feature'], message, details));
  }
  return problems;
}

function checkCycles(
  roadmap: Roadmap,
  origins: Map<RoadmapItem, { document: Document<RoadmapFile>; path: [Section, string] }>,
): Problem[] {
  const requires = (milestone: Milestone): Milestone[] =>
    [...milestone.needs, ...milestone.unlisted.map(({ key }) => key)]
      .map((key) => roadmap.items.get(key))
      .filter((item): item is Milestone => item?.kind === 'milestone');
  return findCycles(milestonesOf(roadmap), requires).map((cycle) => {
    const first = cycle[0]!;
    const { document, path } = origins.get(first)!;
    const around = [...cycle, first].map((each) => each.id).join(' -> ');
    const hint = 'take one of these prerequisites out';
    const details = { hint, subject: first.id };
    return document.problem('prerequisite-cycle', path, `milestones that need each other: ${around}`, details);
  });
}
