import { readFile } from 'node:fs/promises';
import { type Connection, openConnection } from './connection.ts';
import { type Credentials, openCredentials } from './credentials.ts';
import type { Capabilities } from './ls-refs.ts';
import { choose, readSettings, type Settings } from './settings.ts';

/** How a host's servers are read: by commands of protocol 2, or by their whole advertisement. */
export type Reading = { version: 2; capabilities: Capabilities } | { version: 0 };

/** How they are pushed to: whether without the advertisement that the protocol has first. */
export interface Pushing {
  capabilities: Capabilities;
  shortcut: boolean;
}

/** What this process has learned of one host. */
export interface Host {
  connection: Connection;
  credentials: Credentials;
  reading: Lesson<Reading>;
  pushing: Lesson<Pushing>;
  /** Why all its repositories are left to the git program. */
  leftToGit?: string;
}

/** Something that the first repository of a host learns for the others, which wait for it. */
export class Lesson<T> {
  value: T | undefined;
  #first: Promise<void> | undefined;
  #release: () => void = () => {};

  teach(value: T): void {
    this.value = value;
    this.#release();
  }

  /** Do something with what is known by now. Where the first has learned nothing, each of the others finds out for itself. */
  async apply<R>(work: (known: T | undefined) => Promise<R>): Promise<R> {
    if (this.#first) {
      await this.#first;
      return work(this.value);
    }
    this.#first = new Promise((resolve) => {
      this.#release = resolve;
    });
    try {
      return await work(this.value);
    } finally {
      this.#release();
    }
  }
}

/** What is kept for all remotes of a process: connections, credentials and what was learned, by host. */
export class Session {
  #settings: Promise<Settings | undefined> | undefined;
  readonly #hosts = new Map<string, Promise<Host>>();
  readonly #read: () => Promise<Settings | undefined>;

  constructor(read = readSettings) {
    this.#read = read;
  }

  /** The host of a URL; in words, why that URL is left to the git program. */
  async hostOf(url: URL): Promise<Host | string> {
    this.#settings ??= this.#read();
    const settings = await this.#settings;
    if (!settings) return 'git does not tell its configuration';
    const choice = choose(settings, url);
    if (choice.use === 'git') return choice.why;
    const { caFile = '', credentialsByPath } = choice;
    const key = `${url.origin} ${caFile}`;
    const opened = this.#hosts.get(key) ?? openHost(url, caFile, credentialsByPath);
    this.#hosts.set(key, opened);
    const host = await opened;
    return host.leftToGit ?? host;
  }
}

async function openHost(url: URL, caFile: string, credentialsByPath: boolean): Promise<Host> {
  const ca = caFile === '' ? undefined : await readFile(caFile).catch(() => null);
  const protocol = url.protocol as 'http:' | 'https:';
  return {
    connection: await openConnection(protocol, ca ?? undefined),
    credentials: openCredentials(new URL(url.origin), credentialsByPath),
    reading: new Lesson(),
    pushing: new Lesson(),
    ...(ca === null ? { leftToGit: 'its certificate authorities cannot be read' } : {}),
  };
}
