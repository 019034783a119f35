/** The types of objects that a pack can hold (gitformat-pack, "Object types"). */
const types = { commit: 1, tree: 2, blob: 3, tag: 4 } as const;

const signature = Buffer.from('PACK');
const version = 2;

/** A pack of one object: header, the object's type and length, its bytes deflated, SHA-1 of it all (gitformat-pack). */
export async function packOf(type: keyof typeof types, bytes: Uint8Array): Promise<Buffer> {
  const [{ deflateSync }, { createHash }] = await Promise.all([import('node:zlib'), import('node:crypto')]);
  const header = Buffer.alloc(12);
  signature.copy(header);
  header.writeUInt32BE(version, 4);
  header.writeUInt32BE(1, 8);
  const body = Buffer.concat([header, typeAndLength(types[type], bytes.length), deflateSync(bytes)]);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}

/** Three bits of type and four of length, then seven bits of length a byte, the lowest first (gitformat-pack). */
function typeAndLength(type: number, length: number): Buffer {
  const bytes: number[] = [];
  let rest = Math.floor(length / 16);
  let byte = (type << 4) | (length & 15);
  while (rest > 0) {
    bytes.push(byte | 0x80);
    byte = rest & 0x7f;
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, byte]);
}

/** No commit is longer; what claims to be is not unpacked. */
const longestObject = 2 ** 20;

export type FirstObject =
  | { status: 'read'; type: keyof typeof types; id: string }
  | { status: 'incomplete' }
  | { status: 'other' };

/** The first object of a pack of which at least the beginning is there: pack-objects writes commits before all else. */
export async function firstObject(pack: Buffer): Promise<FirstObject> {
  if (pack.length < 13) return { status: 'incomplete' };
  if (!pack.subarray(0, 4).equals(signature) || pack.readUInt32BE(8) === 0) return { status: 'other' };
  let at = 12;
  let byte = pack[at++]!;
  const type = (Object.keys(types) as (keyof typeof types)[]).find((name) => types[name] === ((byte >> 4) & 7));
  let length = byte & 15;
  for (let factor = 16; (byte & 0x80) !== 0; factor *= 128) {
    if (at >= pack.length) return { status: 'incomplete' };
    byte = pack[at++]!;
    length += (byte & 0x7f) * factor;
    if (length > longestObject) return { status: 'other' };
  }
  if (type === undefined) return { status: 'other' };
  const [{ inflateSync }, { createHash }] = await Promise.all([import('node:zlib'), import('node:crypto')]);
  try {
    const bytes = inflateSync(pack.subarray(at), { maxOutputLength: length + 1 });
    if (bytes.length !== length) return { status: 'other' };
    return { status: 'read', type, id: createHash('sha1').update(`${type} ${length}\0`).update(bytes).digest('hex') };
  } catch (error) {
    return { status: (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR' ? 'incomplete' : 'other' };
  }
}
