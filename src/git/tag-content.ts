/** An annotated tag as it is stored, taken apart (git-mktag(1)). */
export interface TagContent {
  /** What it points to. */
  target: string;
  type: string;
  name: string;
  tagger: { name: string; email: string };
  /** Without the signature. */
  message: string;
  signature?: string;
}

const signatureStart = /^-----BEGIN (?:SSH SIGNATURE|PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE)-----$/m;

/** Take a tag object apart; undefined when it is none. A tag without a tagger (before git 0.99) has an empty one. */
export function parseTagContent(bytes: Uint8Array): TagContent | undefined {
  const text = Buffer.from(bytes).toString('utf8');
  const end = text.indexOf('\n\n');
  const header = end === -1 ? text.trimEnd() : text.slice(0, end);
  const [, target, type, name, person] =
    /^object ([0-9a-f]{40})\ntype ([a-z]+)\ntag ([^\n]+)(?:\ntagger ([^\n]*))?/.exec(header) ?? [];
  if (target === undefined) return undefined;
  const [, who = '', email = ''] = /^(.*?) ?<([^<>]*)> ?[0-9]* ?[+-]?[0-9]*$/.exec(person ?? '') ?? [];
  const body = end === -1 ? '' : text.slice(end + 2);
  const at = body.search(signatureStart);
  return {
    target,
    type: type!,
    name: name!,
    tagger: { name: who, email },
    message: at === -1 ? body : body.slice(0, at),
    ...(at === -1 ? {} : { signature: body.slice(at) }),
  };
}
