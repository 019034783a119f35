import {
  type Blocker,
  externalsOf,
  type FeatureStatus,
  isDelivered,
  type MilestoneStatus,
  type StatusBoard,
  usersOf,
} from '../../milestones/index.ts';
import { clip, count, type Problem, printable } from '../../support/index.ts';
import type { Paint } from './paint.ts';

export function countsOf(
  features: readonly FeatureStatus[],
): Record<'features' | 'delivered' | 'verified' | 'waived' | 'late', number> {
  const some = (test: (each: FeatureStatus) => boolean) => features.filter(test).length;
  return {
    features: features.length,
    delivered: some(isDelivered),
    verified: some(({ state }) => state === 'verified'),
    waived: some(({ flags }) => flags.includes('waived')),
    late: some(({ flags }) => flags.includes('late')),
  };
}

/** The status of one milestone as one JSON object: dmrel/milestone-status/v1. */
export function statusJson(board: StatusBoard, status: MilestoneStatus): { schema: string } {
  const { roadmap, facts } = board;
  const { milestone, features } = status;
  const users = usersOf(roadmap);
  const document = {
    schema: 'dmrel/milestone-status/v1',
    asOf: facts.asOf,
    id: milestone.id,
    aka: milestone.aka,
    title: milestone.title,
    status: status.state,
    flags: status.flags,
    due: milestone.due ?? null,
    daysLate: status.daysLate ?? 0,
    counts: countsOf(features),
    features: features.map((each) => ({
      id: each.feature.id,
      title: each.feature.title ?? '',
      status: each.state,
      flags: each.flags,
      due: each.feature.due ?? null,
      daysLate: each.daysLate ?? 0,
      delivered: each.release
        ? { release: each.release.name, date: each.release.date, levels: each.release.levels }
        : null,
      waiver: each.waiver ?? null,
      also: (users.get(each.feature.key) ?? []).filter((other) => other !== milestone).map((other) => other.id),
      source: each.feature.at,
    })),
    requires: board.prerequisites(milestone).map((each) => ({
      id: each.milestone.id,
      title: each.milestone.title,
      status: each.state,
      flags: each.flags,
      declared: each.milestone.completed?.on ?? null,
      because: each.blockers.length > 0 ? each.blockers.flatMap((blocker) => blocker.chain) : each.missing,
    })),
    external: externalsOf(roadmap, milestone).map(({ external, via }) => ({
      id: external.id,
      title: external.title,
      via: via?.id ?? null,
      completed: external.completed?.on ?? null,
    })),
    blockedBy: status.blockers,
    missing: status.missing,
    blocks: (users.get(milestone.key) ?? []).map((each) => each.id),
    findings: status.findings,
  };
  return document;
}

/** The same for a terminal: states as words and ASCII marks, at most `width` columns. */
export function renderStatus(
  board: StatusBoard,
  status: MilestoneStatus,
  { paint, width, all }: { paint: Paint; width: number; all: boolean },
): string {
  const { milestone, features, flags, state } = status;
  const { roadmap, facts } = board;
  const users = usersOf(roadmap);
  const counts = countsOf(features);
  const words = [state.toUpperCase(), ...flags.map((flag) => flag.toUpperCase())].join('  ');
  const wordPaint = state === 'achieved' ? paint.good : flags.length > 0 ? paint.warn : paint.strong;
  const title = clip(printable(milestone.title ?? ''), Math.max(20, width - milestone.id.length - words.length - 6));
  const gap = ' '.repeat(Math.max(2, width - milestone.id.length - 2 - title.length - words.length));
  const lines = [`${paint.strong(milestone.id)}  ${title}${gap}${wordPaint(words)}`];
  const facts2 = [
    milestone.aka.length > 0 ? `aka ${milestone.aka.join(', ')}` : undefined,
    milestone.owner === undefined ? undefined : `owner ${milestone.owner}`,
    milestone.due === undefined
      ? undefined
      : `due ${milestone.due}${status.daysLate ? ` (${count(status.daysLate, 'day')} ago)` : ''}`,
    milestone.completed ? `declared complete ${milestone.completed.on}` : undefined,
    `as of ${facts.asOf}`,
  ].filter((each) => each !== undefined);
  lines.push(paint.faint(`  ${printable(facts2.join('   '))}`), '');

  if (features.length > 0) {
    const share = Math.round((100 * counts.delivered) / features.length);
    const bar = progressBar(counts.delivered, features.length);
    lines.push(
      `Features ${counts.delivered}/${features.length} delivered, ${counts.verified} verified   ${bar} ${share} %`,
    );
    const open = features.filter((each) => !isDelivered(each));
    const shown = all || open.length === 0 || features.length <= 12 ? features : open;
    const others = (each: FeatureStatus) => (users.get(each.feature.key) ?? []).filter(({ id }) => id !== milestone.id);
    lines.push(...featureLines(shown, others, paint, width));
    if (shown.length < features.length)
      lines.push(paint.faint(`  ok  ${count(features.length - shown.length, 'more')} delivered (--all to list)`));
    lines.push('');
  }
  const prerequisites = board.prerequisites(milestone);
  const externals = externalsOf(roadmap, milestone);
  if (prerequisites.length + externals.length > 0) {
    const achieved = prerequisites.filter((each) => each.state === 'achieved').length;
    lines.push(`Prerequisites ${achieved}/${prerequisites.length} achieved, ${externals.length} external`);
    for (const each of prerequisites) lines.push(prerequisiteLine(each, paint, width));
    for (const { external, via } of externals) {
      const done = external.completed && external.completed.on <= facts.asOf;
      const mark = done ? paint.good('ok') : '..';
      const where = via ? ` (through ${via.id})` : '';
      lines.push(
        clip(
          `  ${mark}  ${external.id}  ${done ? `complete ${external.completed!.on}` : 'external, not recorded as complete'}${where}`,
          width,
        ),
      );
    }
    lines.push('');
  }
  if (flags.includes('blocked'))
    for (const each of status.blockers.slice(0, 6)) lines.push(clip(`Waits for ${chainText(each)}`, width));
  const blocks = users.get(milestone.key) ?? [];
  if (blocks.length > 0) lines.push(clip(`Blocks ${blocks.map((each) => each.id).join(', ')}`, width));
  if (status.findings.length > 0) lines.push(...findingLines(status.findings, paint));
  const next = nextStep(status);
  if (next) lines.push(clip(`next: ${next}`, width));
  return `${lines.join('\n').trimEnd()}\n`;
}

function progressBar(done: number, all: number): string {
  const size = Math.min(all, 20);
  const filled = Math.floor((size * done) / all);
  return `[${'#'.repeat(filled)}${'-'.repeat(size - filled)}]`;
}

/** Columns of equal width: a mark, the id, the title, what delivered it or how far it is, what is to be said of it. */
function featureLines(
  features: readonly FeatureStatus[],
  others: (each: FeatureStatus) => { id: string }[],
  paint: Paint,
  width: number,
): string[] {
  const rows = features.map((each) => {
    const { feature, state, flags, release } = each;
    const also = others(each).map(({ id }) => id);
    const where = release
      ? [release.name, ...(release.levels.length > 0 ? [`at ${release.levels.at(-1)}`] : [])].join(' ')
      : state;
    const notes = [
      feature.due === undefined ? undefined : `due ${feature.due}`,
      ...flags.map((flag) => flag.toUpperCase()),
      also.length > 0 ? `also ${also.join(', ')}` : undefined,
    ].filter((note) => note !== undefined);
    return { each, id: feature.id, title: printable(feature.title ?? '(no title)'), where, notes: notes.join('  ') };
  });
  const widest = (key: 'id' | 'title' | 'where' | 'notes') => Math.max(...rows.map((row) => row[key].length));
  const [idWidth, whereWidth] = [widest('id'), widest('where')];
  const room = Math.max(
    16,
    Math.min(widest('title'), width - 12 - idWidth - whereWidth - Math.min(widest('notes'), 40)),
  );
  return rows.map(({ each, id, title, where, notes }) => {
    const line = `${id.padEnd(idWidth)}  ${clip(title, room).padEnd(room)}  ${where.padEnd(whereWidth)}  ${notes}`;
    return `  ${featureMark(each, paint)}  ${clip(line, width - 6).trimEnd()}`;
  });
}

function featureMark(status: FeatureStatus, paint: Paint): string {
  if (isDelivered(status)) return paint.good('ok');
  if (status.flags.includes('contradicted')) return paint.bad('??');
  if (status.waiver) return 'wv';
  if (status.flags.includes('late')) return paint.warn('!!');
  return status.state === 'in-progress' ? '>>' : '..';
}

function prerequisiteLine(status: MilestoneStatus, paint: Paint, width: number): string {
  const { milestone, state, flags } = status;
  const mark = state === 'achieved' ? paint.good('ok') : flags.includes('contradicted') ? paint.bad('??') : '..';
  const declared = milestone.completed ? `, declared ${milestone.completed.on}` : '';
  return clip(
    `  ${mark}  ${milestone.id}  ${[state, ...flags].join(' ')}${declared}  ${printable(milestone.title ?? '')}`,
    width,
  );
}

function chainText({ chain, missing }: Blocker): string {
  const more = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
  return `${chain.join(' <- ')}${missing[0] ? `: ${missing[0]}${more}` : ''}`;
}

/** Whole, as every problem is: what is wrong, where, and what to do are for whoever mends it. */
function findingLines(findings: readonly Problem[], paint: Paint): string[] {
  const lines = [`${count(findings.length, 'finding')}:`];
  for (const { code, message, at, hint } of findings) {
    const place = at ? `  (${[at.file, at.line, at.column].filter((part) => part !== undefined).join(':')})` : '';
    lines.push(`  ${paint.bad(code)}  ${printable(`${message}${place}`)}`);
    if (hint) lines.push(`    = ${printable(hint)}`);
  }
  return lines;
}

function nextStep({ state, missing, blockers, features }: MilestoneStatus): string | undefined {
  if (state === 'achieved') return undefined;
  const contradicted = features.find(({ flags }) => flags.includes('contradicted'));
  if (contradicted) return `settle the claim of ${contradicted.feature.id}`;
  const what = missing.slice(0, 3).join('; ') + (missing.length > 3 ? `; and ${missing.length - 3} more` : '');
  if (what !== '') return what;
  return blockers[0] ? `${blockers[0].chain.at(-1)}: ${blockers[0].missing[0] ?? 'not achieved'}` : undefined;
}
