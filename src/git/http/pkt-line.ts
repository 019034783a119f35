/** A packet's content, or one of the three packets that have none (gitprotocol-common, gitprotocol-v2 "Packet-Line Framing"). */
export type Packet = Buffer | 'flush' | 'delimiter' | 'response-end';

export const flush = '0000';
export const delimiter = '0001';

/** The longest content of a packet (gitprotocol-common, "pkt-line Format"). */
export const maxContent = 65_516;

/** What was read is not of the form that the protocol has. */
export class Malformed extends Error {}

/** A packet: its length with the four digits of the length itself, in hex, and its content. */
export function pktLine(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  if (bytes.length > maxContent) throw new RangeError(`a packet of ${bytes.length} bytes`);
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]);
}

/** Lines as a client writes them: each ends with a newline, which is part of the packet. */
export const pktLines = (lines: readonly string[]): Buffer => Buffer.concat(lines.map((line) => pktLine(`${line}\n`)));

/** The packets of a stream, however it is cut into pieces. Throws Malformed. */
export async function* readPackets(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Packet> {
  // Pieces are joined when a packet is complete: a server that sends single bytes costs no more than others.
  let pieces: Uint8Array[] = [];
  let have = 0;
  let need = 4;
  for await (const chunk of chunks) {
    pieces.push(chunk);
    have += chunk.length;
    if (have < need) continue;
    const bytes = Buffer.concat(pieces, have);
    let at = 0;
    need = 4;
    while (bytes.length - at >= 4) {
      const length = lengthOf(bytes.subarray(at, at + 4));
      if (length >= 4 && bytes.length - at < length) {
        need = length;
        break;
      }
      yield length < 4 ? (special[length] as Packet) : bytes.subarray(at + 4, at + length);
      at += Math.max(length, 4);
    }
    pieces = [bytes.subarray(at)];
    have = bytes.length - at;
  }
  if (have > 0) throw new Malformed('the answer ends in the middle of a packet');
}

const special = ['flush', 'delimiter', 'response-end'] as const;

function lengthOf(digits: Buffer): number {
  const text = digits.toString('latin1');
  const length = /^[0-9a-fA-F]{4}$/.test(text) ? Number.parseInt(text, 16) : undefined;
  if (length === undefined || length === 3 || length > maxContent + 4)
    throw new Malformed('the answer has a packet without a length');
  return length;
}

/** A packet of text, without the newline at its end that a sender may leave out. */
export const textOf = (packet: Packet): string | undefined =>
  typeof packet === 'string' ? undefined : packet.toString('utf8').replace(/\n$/, '');
