export type Credential =
  | { kind: 'password'; username: string; password: string }
  /** For a token server, which makes tokens of it (docker's `identitytoken`). */
  | { kind: 'identity'; token: string }
  /** For the registry itself (docker's `registrytoken`). */
  | { kind: 'bearer'; token: string };

/** What must never be seen. */
export function secretsOf(credential: Credential): string[] {
  if (credential.kind !== 'password') return [credential.token];
  return [credential.password, basicOf(credential).slice('Basic '.length)];
}

/** A secret as a server may say it again: as it is, or as URLs and forms write it. */
export function formsOf(secret: string): string[] {
  const wellFormed = Buffer.from(secret).toString('utf8'); // encodeURIComponent throws for half a character
  const encoded = [encodeURIComponent(wellFormed), new URLSearchParams({ '': secret }).toString().slice(1)];
  const inSmallLetters = encoded.map((form) => form.replace(/%[0-9A-F]{2}/g, (octet) => octet.toLowerCase()));
  return [...new Set([secret, ...encoded, ...inSmallLetters])];
}

export const basicOf = ({ username, password }: { username: string; password: string }): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
