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

export const basicOf = ({ username, password }: { username: string; password: string }): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
