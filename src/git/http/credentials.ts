import { git } from '../command.ts';

/** Who asks: `git credential`, its helpers and GIT_ASKPASS; never a person at a terminal (git-credential). */
type Ask = (verb: 'fill' | 'approve' | 'reject', description: string) => Promise<string | undefined>;

/** What to do after a server has answered 401. */
export type Next = { send: string } | { stop: 'none' | 'refused' };

/**
 * The credentials of one host. A question is asked once, however many requests need the answer. The secret stays in
 * here, but for the header that carries it.
 */
export interface Credentials {
  /** The header to send at once, since the host has asked before. */
  header(path: string): string | undefined;
  /** After 401 to a request that carried `sent`. */
  after401(path: string, sent: string | undefined): Promise<Next>;
  /** After any other answer to a request that carried `sent`. */
  accepted(path: string, sent: string): Promise<void>;
}

interface Known {
  header: string;
  description: string;
  state: 'new' | 'accepted' | 'refused';
}

export function openCredentials(origin: URL, byPath: boolean, ask: Ask = askGit): Credentials {
  const known = new Map<string, Known>();
  const asked = new Map<string, Promise<Known | undefined>>();
  const keyOf = (path: string) => (byPath ? path : '');

  const fill = async (path: string): Promise<Known | undefined> => {
    // git leaves the path out by itself unless credential.useHttpPath is set.
    const question = { protocol: origin.protocol.slice(0, -1), host: origin.host, path: path.replace(/^\/+/, '') };
    const answer = await ask('fill', describe(Object.entries(question)));
    const fields = new Map(answer?.split('\n').flatMap((line) => [/^([^=]+)=(.*)$/s.exec(line)?.slice(1) ?? []]) as []);
    const [username, password] = [fields.get('username'), fields.get('password')] as (string | undefined)[];
    if (username === undefined || password === undefined) return undefined;
    const header = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    const found: Known = { header, description: answer!, state: 'new' };
    known.set(keyOf(path), found);
    return found;
  };

  return {
    header: (path) => {
      const found = known.get(keyOf(path));
      return found?.state === 'refused' ? undefined : found?.header;
    },
    after401: async (path, sent) => {
      const key = keyOf(path);
      const found = known.get(key);
      if (sent !== undefined) {
        // One that was good for another repository is kept: only this one does not take it.
        if (found?.header === sent && found.state === 'new') {
          found.state = 'refused';
          await ask('reject', found.description);
        }
        return { stop: 'refused' };
      }
      if (!asked.has(key)) asked.set(key, fill(path));
      const answer = await asked.get(key);
      if (answer === undefined) return { stop: 'none' };
      return answer.state === 'refused' ? { stop: 'refused' } : { send: answer.header };
    },
    accepted: async (path, sent) => {
      const found = known.get(keyOf(path));
      if (found?.header !== sent || found.state !== 'new') return;
      found.state = 'accepted';
      await ask('approve', found.description);
    },
  };
}

const describe = (fields: Iterable<readonly [string, string]>): string =>
  `${[...fields].map(([key, value]) => `${key}=${value}\n`).join('')}\n`;

/** What git says when it fails is left out on purpose: it may hold what nobody should see. */
const askGit: Ask = async (verb, description) => {
  const done = await git(['credential', verb], { input: Buffer.from(`${description.trimEnd()}\n\n`) });
  return done.exitCode === 0 ? done.stdout : undefined;
};
