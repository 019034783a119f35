import { safe } from '../command.ts';
import { type CommitId, type ObjectId, parseObjectId } from '../names.ts';
import type { RemoteRefs } from '../remote.ts';
import { agent } from './agent.ts';
import { delimiter, flush, Malformed, type Packet, pktLines, textOf } from './pkt-line.ts';
import { Surprise, unreachable } from './trouble.ts';

/** What a server can do, by name; the value of `fetch=shallow filter` is `shallow filter`. */
export type Capabilities = ReadonlyMap<string, string>;

export type Advertisement =
  | { version: 2; capabilities: Capabilities }
  | { version: 0; capabilities: Capabilities; refs: RemoteRefs };

const mostCapabilities = 200;

/** Both kinds of answer to `info/refs` (gitprotocol-http "Smart Clients", gitprotocol-v2 "Capability Advertisement"). */
export async function readAdvertisement(
  packets: AsyncIterable<Packet>,
  service: string,
  names: readonly string[],
  display: string,
): Promise<Advertisement> {
  const lines = linesOf(packets, display);
  let first = await lines.next();
  if (first.value === `# service=${service}`) {
    first = await lines.next();
    if (first.value !== 'flush') throw new Malformed('no flush after the name of the service');
    first = await lines.next();
  }
  if (first.value === 'version 2') return { version: 2, capabilities: await readCapabilities(lines) };
  if (first.value === 'version 1') first = await lines.next();
  return readFirstProtocol(first, lines, names);
}

type Lines = AsyncGenerator<string | 'flush' | 'delimiter' | 'response-end'>;

/** Text of packets; the three empty ones by their names, which no line of a server is. Throws what a server calls an error. */
async function* linesOf(packets: AsyncIterable<Packet>, display: string): Lines {
  for await (const packet of packets) {
    const text = textOf(packet);
    if (text?.startsWith('ERR '))
      throw unreachable(
        `${display}: ${safe(text.slice(4))}`,
        'look whether the repository is there and you may read it',
      );
    yield text ?? (packet as string);
  }
}

async function readCapabilities(lines: Lines): Promise<Capabilities> {
  const found = new Map<string, string>();
  let ended = false;
  for await (const line of lines) {
    if (line === 'flush') ended = true;
    else if (!ended) add(found, line);
    if (found.size > mostCapabilities) throw new Malformed('endless capabilities');
  }
  if (!ended) throw new Malformed('capabilities without an end');
  checkFormat(found);
  return found;
}

function add(capabilities: Map<string, string>, text: string): void {
  const equals = text.indexOf('=');
  if (equals === -1) capabilities.set(text, '');
  else capabilities.set(text.slice(0, equals), text.slice(equals + 1));
}

/** Ids of another length are for git (gitprotocol-v2, "object-format"). */
function checkFormat(capabilities: Capabilities): void {
  if ((capabilities.get('object-format') ?? 'sha1') !== 'sha1') throw new Surprise('its ids are not SHA-1');
}

/** The references of protocols 0 and 1: all of them, the capabilities behind the first (gitprotocol-pack, "Reference Discovery"). */
async function readFirstProtocol(
  first: IteratorResult<string>,
  lines: Lines,
  names: readonly string[],
): Promise<Advertisement> {
  const capabilities = new Map<string, string>();
  const collected = collector(names);
  let head: string | undefined;
  let ended = first.value === 'flush';
  for (let next = first; !next.done && !ended; next = await lines.next()) {
    const line = next.value;
    const [reference = '', list] = next === first ? line.split('\0') : [line];
    for (const each of list?.split(' ').filter((word) => word !== '') ?? []) {
      if (each.startsWith('symref=HEAD:')) head = each.slice('symref=HEAD:'.length);
      add(capabilities, each);
    }
    if (line === 'flush') ended = true;
    else if (!line.startsWith('shallow ')) collected.add(reference, head);
  }
  if (!ended) throw new Malformed('references without an end');
  for await (const line of lines) if (line !== 'flush') throw new Malformed('more after the end');
  checkFormat(capabilities);
  return { version: 0, capabilities, refs: collected.refs };
}

/** The command `ls-refs` for these names and what tags point to (gitprotocol-v2, "ls-refs"). */
export function lsRefsCommand(capabilities: Capabilities, names: readonly string[]): Buffer {
  // Without a prefix a server tells all that it has.
  const prefixes = names.length === 0 ? ['HEAD'] : names;
  const lines = ['peel', 'symrefs', ...prefixes.map((name) => `ref-prefix ${name}`)];
  return Buffer.concat([commandLines('ls-refs', capabilities), pktLines(lines), Buffer.from(flush)]);
}

/** The head of any command: its name, and of the capabilities those that the server has named. */
export function commandLines(command: string, capabilities: Capabilities): Buffer {
  const lines = [`command=${command}`];
  if (capabilities.has('agent')) lines.push(`agent=${agent}`);
  if (capabilities.has('object-format')) lines.push('object-format=sha1');
  return Buffer.concat([pktLines(lines), Buffer.from(delimiter)]);
}

/** Of the answer to `ls-refs` the references that were asked for; a prefix may bring others, which are left out. */
export async function readLsRefs(
  packets: AsyncIterable<Packet>,
  names: readonly string[],
  display: string,
): Promise<RemoteRefs> {
  const collected = collector(names);
  let ended = false;
  for await (const line of linesOf(packets, display)) {
    if (ended) throw new Malformed('more after the end');
    if (line === 'flush') ended = true;
    else if (line === 'delimiter' || line === 'response-end') throw new Malformed('references in sections');
    else {
      const [reference, ...attributes] = splitAttributes(line);
      const attribute = (name: string) => attributes.find((each) => each.startsWith(name))?.slice(name.length);
      collected.add(reference, attribute('symref-target:'), attribute('peeled:'));
    }
  }
  if (!ended) throw new Malformed('references without an end');
  return collected.refs;
}

const splitAttributes = (line: string): [string, ...string[]] => {
  const [id = '', name = '', ...attributes] = line.split(' ');
  return [`${id} ${name}`, ...attributes];
};

/** Keeps of all references those with the wanted names. */
function collector(names: readonly string[]) {
  const wanted = new Set(names);
  const refs: RemoteRefs = { refs: new Map(), peeled: new Map() };
  const add = (reference: string, branch?: string, peeled?: string) => {
    const id = parseObjectId(reference.slice(0, 40));
    const name = reference.slice(41);
    if (id === undefined || reference[40] !== ' ' || name === '') {
      // A branch without a commit is told with this word in the place of its id.
      if (/^unborn /.test(reference)) return;
      throw new Malformed('a reference without an id');
    }
    const base = name.endsWith('^{}') ? name.slice(0, -3) : name;
    if (!wanted.has(base)) return;
    if (name !== base) refs.peeled.set(base, id);
    else if (name === 'HEAD') refs.head = { commit: id as string as CommitId, ...(branch ? { branch } : {}) };
    else refs.refs.set(name, id);
    const pointsTo = peeled === undefined ? undefined : parseObjectId(peeled);
    if (pointsTo !== undefined && name !== 'HEAD') refs.peeled.set(name, pointsTo as ObjectId);
  };
  return { refs, add };
}
