import type { CommitId } from '../names.ts';
import { type Capabilities, commandLines } from './ls-refs.ts';
import { firstObject } from './pack.ts';
import { flush, type Packet, pktLines, textOf } from './pkt-line.ts';
import { Surprise } from './trouble.ts';

/** The command `fetch` for one commit without its history, nor its trees where the server can leave them out (gitprotocol-v2, "fetch"). */
export function fetchCommand(capabilities: Capabilities, commit: CommitId): Buffer {
  const features = new Set(capabilities.get('fetch')?.split(' '));
  const lines = [`want ${commit}`, 'no-progress', 'ofs-delta'];
  if (features.has('shallow')) lines.push('deepen 1');
  if (features.has('filter')) lines.push('filter tree:0');
  return Buffer.concat([commandLines('fetch', capabilities), pktLines([...lines, 'done']), Buffer.from(flush)]);
}

/** What may come after the answer is known, so that a short answer is read to its end and the connection kept. */
const rest = 4096;

/**
 * Whether the answer to `fetch` begins with that very commit: its bytes are unpacked and hashed. Reads no further than it
 * takes, for where a server cannot leave out trees the pack holds all files.
 */
export async function holdsCommit(packets: AsyncIterable<Packet>, commit: CommitId): Promise<boolean> {
  let inPack = false;
  let pack = Buffer.alloc(0);
  let pieces: Buffer[] = [];
  let have = 0;
  let tryAt = 13;
  let found: boolean | undefined;
  let after = 0;
  const look = async () => {
    pack = Buffer.concat([pack, ...pieces]);
    pieces = [];
    // Unpacking is tried again when twice as much is there, so that small pieces cost no more than large ones.
    tryAt = pack.length * 2;
    const first = await firstObject(pack);
    if (first.status === 'other') throw new Surprise('its pack cannot be read');
    if (first.status === 'read') found = first.type === 'commit' && first.id === commit;
  };

  for await (const packet of packets) {
    if (found !== undefined) {
      after += packet.length;
      if (after > rest) break;
      continue;
    }
    const text = textOf(packet);
    if (inPack && typeof packet !== 'string') {
      if (packet[0] === 3) throw new Surprise('it stops in the middle of its pack');
      if (packet[0] !== 1) continue;
      pieces.push(packet.subarray(1));
      have += packet.length - 1;
      if (have >= tryAt) await look();
    } else if (text === 'packfile') inPack = true;
    else if (text?.startsWith('ERR ')) {
      if (!/not our ref/.test(text)) throw new Surprise('it refuses to fetch a commit');
      found = false;
    }
  }
  if (found === undefined && inPack) await look();
  if (found === undefined) throw new Surprise('it sends no pack');
  return found;
}
