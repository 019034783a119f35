import type { Commit } from '../git/index.ts';
import { naturalOrder } from '../support/index.ts';

/** Work that a ticket names, as far as commits mention it. */
export interface Ticket {
  id: string;
  /** What a commit says of it: text of whoever made the commit. */
  title: string;
  epic: boolean;
  products: { product: string; commits: number }[];
}

/** Keys of LSST's Jira project DM. A feature such as DM-AP-7 is none, nor what stands in a longer word, as in MY-DM-7. */
const ticketId = /(?<![\w-])DM-[0-9]{1,9}\b/g;
/** A commit that names more is a list of tickets, not work on them. */
const maxPerCommit = 20;

/** The tickets that the commits of products name in subject or body, epics first, and how many commits name none. */
export function ticketsOf(
  history: ReadonlyMap<string, readonly Commit[]>,
  epics: readonly string[] = [],
): { tickets: Ticket[]; without: number } {
  const found = new Map<string, { title: string | undefined; merged: string; products: Map<string, number> }>();
  let without = 0;
  for (const [product, commits] of history) {
    for (const commit of commits) {
      const ids = idsIn(commit);
      if (ids.length === 0 && !commit.merge) without += 1;
      for (const id of ids) {
        const ticket = found.get(id) ?? { title: undefined, merged: commit.subject, products: new Map() };
        found.set(id, ticket);
        ticket.products.set(product, (ticket.products.get(product) ?? 0) + 1);
        if (!commit.merge && named(commit.subject).includes(id)) ticket.title ??= commit.subject;
      }
    }
  }
  const tickets = [...found].map(([id, { title, merged, products }]) => ({
    id,
    title: withoutId(title ?? merged, id),
    epic: epics.includes(id),
    products: [...products].map(([product, commits]) => ({ product, commits })),
  }));
  const order = (left: Ticket, right: Ticket) =>
    Number(right.epic) - Number(left.epic) || naturalOrder(left.id, right.id);
  return { tickets: tickets.sort(order), without };
}

const named = (text: string): string[] => text.match(ticketId) ?? [];

const idsIn = ({ subject, body }: Commit): string[] =>
  [...new Set(named(`${subject}\n${body}`))].slice(0, maxPerCommit);

/** `DM-1: mend it` is called `mend it`; a subject that is nothing else stays. */
function withoutId(subject: string, id: string): string {
  const rest =
    subject.startsWith(id) && named(subject)[0] === id ? subject.slice(id.length).replace(/^[\s:.,-]+/, '') : subject;
  return rest === '' ? subject : rest;
}
