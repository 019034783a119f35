import { join } from 'node:path';
import { decodeUtf8 } from '../documents/index.ts';
import { readResults, type StoredResult } from '../evidence/index.ts';
import type { Commit, History } from '../git/index.ts';
import { type Feature, type Roadmap, usersOf } from '../milestones/index.ts';
import { errorsOf, failed, ok, type Result, readFileBounded } from '../support/index.ts';
import { soundRoadmap, type Workspace } from '../workspace/index.ts';
import { type HistoriesOptions, readHistories } from './histories.ts';
import { type ReleaseDetail, releaseDetail } from './releases.ts';
import { type Ticket, ticketsOf } from './tickets.ts';

/** What a release note must hold (DMTN-106, "Release Note"; SQR-016), as far as records, manifests and commits know it. */
export interface ReleaseNotes extends ReleaseDetail {
  /** What a person wrote: the story, known issues, what goes away. */
  narrative: { file: string; text: string | undefined };
  /** What lies between the commits of moved products; undefined when it was not asked for. */
  histories: ReadonlyMap<string, History> | undefined;
  tickets: Ticket[];
  /** Commits that name no ticket, merges left out. */
  withoutTicket: number;
  features: { id: string; title: string | null }[];
  milestones: { id: string; title: string | null; delivered: string[]; features: number }[];
  /** The newest result of each check on each image of the release. */
  checks: (StoredResult & { image: string })[];
}

export interface NotesRequest {
  name: string;
  since: string | undefined;
  /** How to ask remotes for commits; undefined leaves them out. */
  commits: HistoriesOptions | undefined;
}

const maxNarrative = 2 ** 20;

/** Gather everything a release note tells. Problems: `unknown-release` and those of the files it reads. */
export async function gatherNotes(
  workspace: Workspace,
  { name, since, commits }: NotesRequest,
): Promise<Result<ReleaseNotes>> {
  const detail = await releaseDetail(workspace, name, since);
  if (!detail.ok) return detail;
  const { record, changes } = detail.value;
  const roadmap = await soundRoadmap(workspace);
  if (!roadmap.ok) return roadmap;
  const { results, problems } = await readResults(workspace, record.name);
  if (errorsOf(problems).length > 0) return failed(...problems);
  const narrative = await readNarrative(workspace.root, record.name);
  if (!narrative.ok) return narrative;
  const histories = commits && changes ? await readHistories(workspace, changes.moved, commits) : undefined;
  const { tickets, without } = ticketsOf(commitsOf(histories ?? new Map()), workspace.config.tickets?.epics);
  return ok({
    ...detail.value,
    narrative: narrative.value,
    histories,
    tickets,
    withoutTicket: without,
    ...completedBy(roadmap.value, record.name),
    checks: newestOf(results, detail.value),
  });
}

function commitsOf(histories: ReadonlyMap<string, History>): Map<string, Commit[]> {
  const known = [...histories].flatMap(([product, each]): [string, Commit[]][] =>
    each.status === 'known' ? [[product, each.commits]] : [],
  );
  return new Map(known);
}

async function readNarrative(root: string, name: string): Promise<Result<ReleaseNotes['narrative']>> {
  const file = `releases/${name}/notes.md`;
  const bytes = await readFileBounded(join(root, file), file, maxNarrative);
  if (!bytes.ok) {
    const absent = bytes.problems.every(({ code }) => code === 'file-not-found');
    return absent ? ok({ file, text: undefined }) : bytes;
  }
  const text = decodeUtf8(bytes.value, file);
  if (!text.ok) return text;
  return ok({ file, text: text.value.trim() === '' ? undefined : text.value.trim() });
}

/** Features that name a release as the one that delivers them, and the milestones that need those. */
export function completedBy(roadmap: Roadmap, release: string): Pick<ReleaseNotes, 'features' | 'milestones'> {
  const isFeature = (item: { kind: string }): item is Feature => item.kind === 'feature';
  const features = [...roadmap.items.values()].filter(isFeature).filter(({ delivered }) => delivered?.tag === release);
  const users = usersOf(roadmap);
  const milestones = new Map<string, ReleaseNotes['milestones'][number]>();
  for (const { id, key } of features) {
    for (const user of users.get(key) ?? []) {
      const all = user.needs.filter((need) => roadmap.items.get(need)?.kind === 'feature').length;
      const known = milestones.get(user.id) ?? { id: user.id, title: user.title, delivered: [], features: all };
      known.delivered.push(id);
      milestones.set(user.id, known);
    }
  }
  return { features: features.map(({ id, title }) => ({ id, title })), milestones: [...milestones.values()] };
}

/** A newer result of a check on the same bytes replaces an older one; a failure one of the same moment. */
function newestOf(results: readonly StoredResult[], { images }: ReleaseDetail): ReleaseNotes['checks'] {
  const newest = new Map<string, ReleaseNotes['checks'][number]>();
  for (const { name, digest } of images) {
    for (const each of results.filter((result) => result.digest === digest)) {
      const key = `${each.check} ${name}`;
      const known = newest.get(key);
      const later =
        !known || each.finishedOn > known.finishedOn || (each.finishedOn === known.finishedOn && !each.passed);
      if (later) newest.set(key, { ...each, image: name });
    }
  }
  return [...newest.values()];
}
