/** What went over the wire: requests, and bytes with their headers. */
export interface Meter {
  requests: number;
  sent: number;
  received: number;
}

export interface RemoteOptions {
  /**
   * True: without TLS, whatever the host. False: never. Else hosts of this machine (localhost, 127.0.0.0/8, ::1) are asked
   * which of both they speak, and all others speak TLS.
   */
  plainHttp?: boolean;
  /** Certificate authorities beside those that node knows. */
  ca?: string | Buffer;
  /** A certificate for us, with its key: shown to the registry's own host alone. */
  cert?: string | Buffer;
  key?: string | Buffer;
  /** Directories with `HOST[:PORT]/{ca.crt,client.cert,client.key}`; those of docker and podman without it. */
  certificateDirectories?: string[];
  /** Where DOCKER_CONFIG and its like stand; this process's own without it. */
  env?: NodeJS.ProcessEnv;
  /** In the place of what is found in the files of docker and podman. */
  login?: { username: string; password: string };
  signal?: AbortSignal;
  meter?: Meter;
  /** Short requests at a time; streams have lanes of their own, half as many in each direction. */
  concurrency?: number;
  /** Send blobs in requests of this size; without it only to a server that refuses larger ones. */
  chunkBytes?: number;
  limits?: Partial<Limits>;
  /** Waits; for tests. Rejects when the signal comes. */
  pause?: (seconds: number) => Promise<void>;
}

export interface Limits {
  connectSeconds: number;
  /** Between two signs of life. */
  idleSeconds: number;
  /** For a short request from its beginning to its end. */
  answerSeconds: number;
  /** For a server to put a blob in its place when it has come whole. */
  commitSeconds: number;
  /** For one blob, with its gaps and waits. */
  transferSeconds: number;
  /** How often one thing is tried. */
  attempts: number;
  /** Before the second attempt at most; twice as long before each other. */
  pauseSeconds: number;
  longestPauseSeconds: number;
  /** For all attempts together at a short request. */
  retrySeconds: number;
  /** A blob that is larger is cut off. */
  blobBytes: number;
}

export const usualLimits: Limits = {
  connectSeconds: 15,
  idleSeconds: 60,
  answerSeconds: 60,
  commitSeconds: 300,
  transferSeconds: 7200,
  attempts: 6,
  pauseSeconds: 0.5,
  longestPauseSeconds: 30,
  retrySeconds: 180,
  blobBytes: 2 ** 37,
};

export const usualConcurrency = 8;
/** What an error says, a page of a list or a token may have. */
export const maxTextBytes = 64 * 2 ** 10;
