import { stopwatch } from '../../support/index.ts';
import { basicOf, type Credential, secretsOf } from '../credentials/credential.ts';
import type { Found } from '../credentials/find.ts';
import { type Challenge, parseChallenges, scopesOf } from './challenge.ts';
import { denied as refusal, type Trouble } from './trouble.ts';

/** On what somebody wants to do something. */
export interface Purpose {
  repository: string;
  /** `repository:NAME:pull` (distribution, "Token Scope Documentation"). */
  scopes: string[];
}

export interface Token {
  header: string;
  expiresInSeconds: number;
}

export interface TokenRequest {
  realm: string;
  service: string | undefined;
  scopes: string[];
  credential: Credential | undefined;
}

export interface AuthorityOptions {
  host: string;
  find: (repository: string) => Promise<Found>;
  /** Throws Trouble. */
  fetchToken: (request: TokenRequest) => Promise<Token>;
  /** Told of everything that must never be seen. */
  keepSecret: (secret: string) => void;
}

/** What a registry wants to see before it does something, as far as it has said. */
export interface Authority {
  /** What to send at once. */
  header(purpose: Purpose): Promise<string | undefined>;
  /** What to send after 401 to a request that carried `sent`. */
  after401(purpose: Purpose, challenges: string, sent: string | undefined): Promise<string>;
  denied(purpose: Purpose, said: string): Promise<Trouble>;
}

interface Kept {
  token: Token;
  until: number;
}

export function openAuthority({ host, find, fetchToken, keepSecret }: AuthorityOptions): Authority {
  const seconds = stopwatch();
  let known: Challenge | undefined;
  const found = new Map<string, Promise<Found>>();
  const tokens = new Map<string, Promise<Kept>>();

  const credentialFor = async ({ repository }: Purpose): Promise<Found> => {
    if (!found.has(repository)) found.set(repository, find(repository));
    const answer = await found.get(repository)!;
    for (const secret of answer.credential ? secretsOf(answer.credential) : []) keepSecret(secret);
    return answer;
  };
  const keyOf = ({ scopes }: Purpose) => [...scopes].sort().join(' ');

  const fresh = async (purpose: Purpose, extra: string[]): Promise<Kept> => {
    const { realm = '', service } = known!.parameters;
    const { credential } = await credentialFor(purpose);
    const scopes = [...new Set([...purpose.scopes, ...extra])];
    const token = await fetchToken({ realm, service, scopes, credential });
    keepSecret(token.header.slice('Bearer '.length));
    // A little early, for what is under way when it ends.
    const margin = Math.min(10, token.expiresInSeconds / 10);
    return { token, until: seconds() + token.expiresInSeconds - margin };
  };

  /** One request for a token, however many wait for it. */
  const tokenFor = async (purpose: Purpose, extra: string[] = [], refused?: string): Promise<string> => {
    const key = keyOf(purpose);
    const pending = tokens.get(key);
    const kept = await pending?.catch(() => undefined);
    if (kept && kept.until > seconds() && kept.token.header !== refused) return kept.token.header;
    // Another may have begun to ask while this one waited.
    let asking = tokens.get(key);
    if (asking === undefined || asking === pending) {
      asking = fresh(purpose, extra);
      tokens.set(key, asking);
    }
    return (await asking).token.header;
  };

  const denied = async (purpose: Purpose, said: string): Promise<Trouble> => {
    const { credential, notes } = await credentialFor(purpose);
    const whom = credential
      ? 'the credentials that are kept for it'
      : 'anybody without credentials, and none are kept for it';
    const seen = notes.length === 0 ? '' : ` (${notes.join('; ')})`;
    const message = `${host} does not let in ${whom}: ${purpose.repository}: ${said}${seen}`;
    return refusal(message, `try: docker login ${host}, or podman login ${host}`);
  };

  const headerFor = async (
    purpose: Purpose,
    extra: string[],
    sent: string | undefined,
  ): Promise<string | undefined> => {
    const { credential } = await credentialFor(purpose);
    if (credential?.kind === 'bearer') return `Bearer ${credential.token}`;
    if (known?.scheme === 'bearer') return tokenFor(purpose, extra, sent);
    return credential?.kind === 'password' ? basicOf(credential) : undefined;
  };

  return {
    denied,
    header: async (purpose) => (known ? headerFor(purpose, [], undefined) : undefined),
    after401: async (purpose, challenges, sent) => {
      const offered = parseChallenges(challenges);
      const chosen =
        offered.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.realm) ??
        offered.find(({ scheme }) => scheme === 'basic');
      if (!chosen)
        throw await denied(purpose, 'HTTP 401, and it asks for another authentication than Bearer and Basic');
      known = chosen;
      const header = await headerFor(purpose, scopesOf(chosen.parameters.scope), sent);
      if (header === undefined || header === sent) throw await denied(purpose, 'HTTP 401');
      return header;
    },
  };
}
