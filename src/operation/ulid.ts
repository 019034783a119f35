import { randomBytes } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** An operation's id: 48 bits of time and 80 of chance in Crockford's base 32, so that ids sort by time (ULID). */
export function newOperationId(moment: Date): string {
  let time = moment.getTime();
  let id = '';
  for (let digit = 0; digit < 10; digit++) {
    id = alphabet[time % 32] + id;
    time = Math.floor(time / 32);
  }
  for (const byte of randomBytes(16)) id += alphabet[byte % 32];
  return id;
}
