import { stripVTControlCharacters } from 'node:util';
import type { ObjectId } from '../names.ts';
import { agent } from './agent.ts';
import type { Capabilities } from './ls-refs.ts';
import { flush, Malformed, type Packet, pktLine, readPackets, textOf } from './pkt-line.ts';

/** One reference from one object to another; null stands for none. */
export interface Update {
  ref: string;
  from: ObjectId | null;
  to: ObjectId | null;
}

const none = '0'.repeat(40);

/**
 * One command, and a pack unless it deletes (gitprotocol-pack, "Reference Update Request and Packfile Transfer"). The server
 * changes the reference only when it still stands at `from`.
 */
export function updateRequest({ ref, from, to }: Update, capabilities: Capabilities, pack: Uint8Array): Buffer {
  const wanted = ['report-status', 'side-band-64k'].filter((each) => capabilities.has(each));
  if (capabilities.has('object-format')) wanted.push('object-format=sha1');
  if (capabilities.has('agent')) wanted.push(`agent=${agent}`);
  const command = pktLine(`${from ?? none} ${to ?? none} ${ref}\0 ${wanted.join(' ')}`);
  return Buffer.concat([command, Buffer.from(flush), ...(to === null ? [] : [pack])]);
}

export type Report = { status: 'ok' } | { status: 'refused'; reason: string; said: string };

const longestTalk = 4096;

/** What the server reports of one reference (gitprotocol-pack, "Report Status"), and what its hooks said on the second band. */
export async function readReport(packets: AsyncIterable<Packet>, ref: string, sideBand: boolean): Promise<Report> {
  if (!sideBand) return reportOf(packets, ref, '');
  const report: Buffer[] = [];
  let said = '';
  for await (const packet of packets) {
    if (typeof packet === 'string' || packet.length === 0) continue;
    const [band, content] = [packet[0], packet.subarray(1)];
    if (band === 1) report.push(content);
    else if (band !== 2 && band !== 3) throw new Malformed('a band that there is not');
    else if (said.length < longestTalk) said += content.toString('utf8');
    if (band === 3) return { status: 'refused', reason: 'the server stopped', said: inOneLine(said) };
  }
  return reportOf(readPackets(report), ref, inOneLine(said));
}

async function reportOf(packets: AsyncIterable<Packet>, ref: string, said: string): Promise<Report> {
  let unpacked: string | undefined;
  let result: Report | undefined;
  for await (const packet of packets) {
    const text = textOf(packet);
    if (text?.startsWith('unpack ')) unpacked = text.slice('unpack '.length);
    else if (text === `ok ${ref}`) result = { status: 'ok' };
    else if (text?.startsWith(`ng ${ref} `)) result = { status: 'refused', reason: text.slice(ref.length + 4), said };
  }
  if (unpacked !== undefined && unpacked !== 'ok') return { status: 'refused', reason: unpacked, said };
  if (unpacked === undefined || result === undefined) throw new Malformed('no report of what was pushed');
  return result;
}

const inOneLine = (text: string): string =>
  stripVTControlCharacters(text)
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ');
