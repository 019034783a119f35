import type { History } from '../../git/index.ts';
import type { ReleaseNotes, Ticket } from '../../reporting/index.ts';
import { count, printable } from '../../support/index.ts';
import { shellWord } from '../shell-word.ts';
import { markdownCode as code, markdownBlock, markdownTable, markdownText as text } from './markdown.ts';
import { changesJson, detailJson, sourceText } from './release.ts';

const maxTickets = 500;
const maxProducts = 10;

/** A release note in Markdown: what is known is filled in, what a person must write says where. */
export function renderNotes(notes: ReleaseNotes): string {
  const sections = [
    identification(notes),
    narrative(notes),
    installation(notes),
    changes(notes),
    tickets(notes),
    plan(notes),
    products(notes),
    images(notes),
    evidence(notes),
  ];
  return `${sections
    .filter((each) => each.length > 0)
    .map((each) => each.join('\n'))
    .join('\n\n')}\n`;
}

/** `A. Person <mail>`: the mail is nobody's who reads a release note. */
const person = (by: string): string => text(by.replace(/\s*<[^>]*>\s*$/, '') || by);

function identification({ record, standsAt, previous }: ReleaseNotes): string[] {
  const rows = [
    ['kind', record.kind],
    ['date', record.date],
    ['made', `${record.created.at} by ${person(record.created.by)}`],
    ['tag', `${code(record.name)} in ${count(Object.keys(record.products).length, 'repository', 'repositories')}`],
    ['also called', (record.aliases ?? []).map((each) => code(each)).join(', ')],
    ['commits from', text(sourceText(record))],
    ['content id', code(record.source.contentId)],
    ['changes since', previous ? code(previous.name) : ''],
    ['stands at', standsAt.map((each) => text(each)).join(', ')],
  ].filter(([, value]) => value !== '') as string[][];
  return [`# ${text(record.name)}`, '', ...markdownTable(['release', code(record.name)], rows)];
}

/** What a person wrote is theirs, Markdown and all; only what a terminal would act on is made visible. */
function narrative({ narrative: { file, text: written } }: ReleaseNotes): string[] {
  if (written === undefined) return ['## What is new', '', `*Not written yet: it belongs into* ${code(file)}*.*`];
  const shown = written.split(/\r?\n/).map(printable);
  return /^#{1,2} /.test(written) ? shown : ['## What is new', '', ...shown];
}

function installation({ record, images: all }: ReleaseNotes): string[] {
  const lines = ['## Get it', ''];
  if (all.length > 0) {
    const commands = all.flatMap(({ name, at }) => at.map(({ reference }) => pull(name, reference, record.name)));
    lines.push('Images, by digest:', '', ...markdownBlock([...new Set(commands)]), '');
  }
  const [first] = Object.values(record.products);
  if (!first) return [...lines, 'It has no products.'];
  lines.push('Sources, by tag; every product below has it:', '');
  return [...lines, ...markdownBlock([`git clone --branch ${shellWord(first.tag)} ${shellWord(first.url)}`])];
}

/** How an image is had from a registry; a layout has directories, which skopeo knows by tag. */
function pull(image: string, reference: string, release: string): string {
  const layout = /^layout:(.*)@(sha256:[0-9a-f]{64})$/.exec(reference);
  if (!layout) return `docker pull ${shellWord(reference.replace(/^[a-z+]+:\/\//, '').replace(/^docker:/, ''))}`;
  return `skopeo copy ${shellWord(`oci:${layout[1]}:${release}`)} ${shellWord(`docker-daemon:${image}:${release}`)}  # ${layout[2]}`;
}

function changes({ previous, changes: all, histories }: ReleaseNotes): string[] {
  if (!previous || !all) return ['## Changes', '', 'The first release of its kind in these records.'];
  const counts = [
    `${count(all.moved.length, 'product')} moved`,
    `${all.added.length} added`,
    `${all.removed.length} removed`,
    `${all.unchanged} unchanged`,
  ];
  const lines = [`## Changes since ${text(previous.name)}`, '', `${counts.join(', ')}.`];
  const rows = [
    ...all.added.map(({ product, to }) => [code(product), 'added', code(short(to.commit)), '']),
    ...all.removed.map(({ product, from }) => [code(product), code(short(from.commit)), 'removed', '']),
    ...all.moved.map(({ product, from, to }) => [
      code(product),
      code(short(from.commit)),
      code(short(to.commit)),
      historyText(histories?.get(product)),
    ]),
  ];
  return rows.length === 0 ? lines : [...lines, '', ...markdownTable(['product', 'from', 'to', 'commits'], rows)];
}

const short = (commit: string): string => commit.slice(0, 12);

function historyText(history: History | undefined): string {
  if (!history) return '';
  if (history.status === 'unavailable') return `not available: ${text(history.reason)}`;
  return history.behind > 0 ? `${history.ahead}, and ${history.behind} left behind` : String(history.ahead);
}

function tickets({ histories, tickets: all, withoutTicket }: ReleaseNotes): string[] {
  if (!histories || histories.size === 0) return [];
  const lines = ['## Tickets', ''];
  if (all.length === 0) lines.push('No commit names one.');
  lines.push(...all.slice(0, maxTickets).map(ticketLine));
  if (all.length > maxTickets) lines.push(`- and ${all.length - maxTickets} more`);
  const left = [...histories.values()].filter(({ status }) => status === 'unavailable').length;
  const unread = [...histories.values()].reduce(
    (sum, each) => sum + (each.status === 'known' ? each.ahead - each.commits.length : 0),
    0,
  );
  const notes = [
    withoutTicket > 0 ? `${count(withoutTicket, 'commit')} without a ticket.` : '',
    unread > 0 ? `${count(unread, 'commit')} not read.` : '',
    left > 0 ? `The commits of ${count(left, 'product')} are not available.` : '',
  ].filter((each) => each !== '');
  return notes.length === 0 ? lines : [...lines, '', notes.join(' ')];
}

function ticketLine({ id, title, epic, products: named }: Ticket): string {
  const shown = named.slice(0, maxProducts).map(({ product }) => code(product));
  const more = named.length > maxProducts ? ` and ${named.length - maxProducts} more` : '';
  return `- **${id}**${epic ? ' **epic**' : ''} ${text(title)} (${shown.join(', ')}${more})`;
}

function plan({ record, features, milestones }: ReleaseNotes): string[] {
  const lines: string[] = [];
  if (record.milestone) {
    const { id, delivered, missing, acceptedMissing } = record.milestone;
    const why = acceptedMissing === undefined ? '' : `, accepted: ${text(acceptedMissing)}`;
    const lacks = missing.length > 0 ? `; missing: ${missing.map((each) => text(each)).join(', ')}${why}` : '';
    lines.push(`Made for milestone **${text(id)}**: ${count(delivered.length, 'feature')} delivered${lacks}.`, '');
  }
  for (const { id, title, delivered, features: all } of milestones)
    lines.push(`- **${text(id)}** ${text(title ?? '')}: ${delivered.length} of ${count(all, 'feature')}`);
  for (const { id, title } of features) lines.push(`- ${text(id)} ${text(title ?? '')}`);
  if (lines.length === 0) return [];
  return ['## Milestones and features', '', ...lines];
}

function products({ record }: ReleaseNotes): string[] {
  const rows = Object.entries(record.products).map(([product, { commit, version, tag, url }]) => [
    code(product),
    code(commit),
    code(tag),
    version === undefined ? '' : code(version),
    code(url),
  ]);
  if (rows.length === 0) return [];
  const head = ['product', 'commit', 'tag', 'version', 'repository'];
  return ['## Products', '', 'What they depend on is not recorded.', '', ...markdownTable(head, rows)];
}

function images({ images: all }: ReleaseNotes): string[] {
  if (all.length === 0) return [];
  const rows = all.map(({ name, digest, size, platforms }) => [
    code(name),
    code(digest),
    sizeText(size),
    platforms.map((each) => code(each)).join(', '),
  ]);
  return ['## Images', '', ...markdownTable(['image', 'digest', 'size', 'platforms'], rows)];
}

const sizeText = (bytes: number): string =>
  bytes < 2 ** 20 ? `${(bytes / 2 ** 10).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;

function evidence({ record, checks }: ReleaseNotes): string[] {
  const lines: string[] = [];
  if (checks.length > 0) {
    const rows = checks.map((each) => [
      code(each.check),
      code(each.image),
      each.passed ? 'passed' : '**failed**',
      each.finishedOn,
    ]);
    lines.push('', ...markdownTable(['check', 'image', 'result', 'at'], rows));
  }
  if ((record.promotions ?? []).length > 0) {
    const rows = record.promotions!.map(({ level, at, by, images: moved }) => [
      text(level),
      at,
      person(by),
      Object.keys(moved)
        .map((each) => code(each))
        .join(', '),
    ]);
    lines.push('', ...markdownTable(['level', 'since', 'by', 'images'], rows));
  }
  return lines.length === 0 ? [] : ['## Checks and promotions', ...lines];
}

export function notesJson(notes: ReleaseNotes): { schema: string } {
  const { histories, tickets: all, withoutTicket, features, milestones, checks } = notes;
  return {
    schema: 'dmrel/release-notes/v1',
    ...detailJson(notes),
    changes: notes.changes ? changesJson(notes.changes, histories) : null,
    narrative: { file: notes.narrative.file, text: notes.narrative.text ?? null },
    tickets: histories ? all : null,
    withoutTicket: histories ? withoutTicket : null,
    features,
    milestones,
    checks: checks.map(({ check, image, digest, passed, finishedOn, file }) => ({
      check,
      image,
      digest,
      passed,
      finishedOn,
      file,
    })),
  } as never;
}
