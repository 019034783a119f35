import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';

/** Answers in the place of git and returns true, or leaves it to git. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

export interface GitServer {
  /** `http://127.0.0.1:PORT` */
  url: string;
  /** `GET /r.git/info/refs?service=git-upload-pack`, in the order in which they came. */
  requests: { line: string; authorization: string | undefined }[];
  /** What goes wrong from now on. */
  fault: Fault | undefined;
  close(): Promise<void>;
}

export interface ServerOptions {
  /** The directory with the bare repositories; each needs `http.receivepack`. */
  root: string;
  tls?: { key: Buffer; cert: Buffer };
  /** Asked for everything. */
  auth?: { username: string; password: string };
  /** Before each answer. */
  delayMs?: number;
  /** As servers from before 2018. */
  firstProtocolOnly?: boolean;
}

/** A web server before `git http-backend`, started for each request as CGI (git-http-backend). */
export async function startGitServer(options: ServerOptions): Promise<GitServer> {
  const server = {} as GitServer;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { authorization } = request.headers;
    server.requests.push({ line: `${request.method} ${request.url}`, authorization });
    if (options.delayMs) await new Promise((resolve) => setTimeout(resolve, options.delayMs));
    if (await server.fault?.(request, response)) return;
    const { username, password } = options.auth ?? {};
    const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    if (options.auth && authorization !== wanted) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="test"' }).end('no');
      request.resume();
      return;
    }
    await runBackend(options, request, response);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => void answer(request, response);
  const listening = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  const sockets = new Set<Socket>();
  listening.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return Object.assign(server, {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    requests: [],
    fault: undefined,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => listening.close(() => resolve()));
    },
  });
}

let program: string | undefined;

function runBackend(options: ServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  program ??= join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-http-backend');
  const [path = '', query = ''] = request.url!.split('?');
  const { headers } = request;
  const protocol = headers['git-protocol'];
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: options.root,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_PROJECT_ROOT: options.root,
    GIT_HTTP_EXPORT_ALL: '1',
    REQUEST_METHOD: request.method,
    PATH_INFO: decodeURIComponent(path),
    QUERY_STRING: query,
    CONTENT_TYPE: headers['content-type'] ?? '',
    HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
    ...(headers['content-length'] === undefined ? {} : { CONTENT_LENGTH: headers['content-length'] }),
    ...(protocol === undefined || options.firstProtocolOnly ? {} : { GIT_PROTOCOL: String(protocol) }),
  };
  return new Promise((resolve) => {
    const child = spawn(program!, [], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.on('error', () => {});
    request.pipe(child.stdin);
    let head: Buffer | undefined = Buffer.alloc(0);
    child.stdout.on('data', (chunk: Buffer) => {
      if (head === undefined) return void response.write(chunk);
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      const fields = head.subarray(0, end).toString('latin1').split('\r\n');
      const pairs = fields.map((line): [string, string] => [line.split(':', 1)[0]!, line.replace(/^[^:]*:\s*/, '')]);
      const status = pairs.find(([name]) => name === 'Status')?.[1] ?? '200';
      response.writeHead(Number.parseInt(status, 10), Object.fromEntries(pairs.filter(([name]) => name !== 'Status')));
      response.write(head.subarray(end + 4));
      head = undefined;
    });
    response.on('close', () => child.kill());
    child.on('close', () => {
      if (head !== undefined && !response.headersSent) response.writeHead(500);
      response.end();
      resolve();
    });
  });
}

/** Answers so often with a status, then leaves it to git. */
export function withStatus(status: number, headers: Record<string, string> = {}, times = 1, method?: string): Fault {
  let left = times;
  return (request, response) => {
    if ((method !== undefined && request.method !== method) || left-- <= 0) return false;
    request.resume();
    response.writeHead(status, { 'Content-Type': 'text/plain', ...headers }).end('not now\n');
    return true;
  };
}

/** Cuts the connection of so many requests, each before git has seen it. */
export function cut(times = 1, method?: string): Fault {
  let left = times;
  return (request) => {
    if ((method !== undefined && request.method !== method) || left-- <= 0) return false;
    request.socket.destroy();
    return true;
  };
}

/** Lets git do what a push wants, and cuts the connection before the answer. */
export function cutAfterwards(options: ServerOptions): Fault {
  let left = 1;
  return async (request, response) => {
    if (request.method !== 'POST' || !request.url!.endsWith('/git-receive-pack') || left-- <= 0) return false;
    const { socket } = request;
    const silent = Object.assign(Object.create(response), {
      writeHead: () => silent,
      write: () => true,
      end: () => silent,
    });
    await runBackend(options, request, silent);
    socket.destroy();
    return true;
  };
}

/** As a server that wants the whole exchange: no POST without the GET for that repository and service before it. */
export function wholeExchangeOnly(status = 400): Fault {
  const seen = new Set<string>();
  return (request, response) => {
    const { url = '', method } = request;
    const [, repository = '', service = ''] = /^(.*?)\/(?:info\/refs\?service=)?(git-[a-z]+-pack)$/.exec(url) ?? [];
    const key = `${repository} ${service}`;
    if (method === 'GET') seen.add(key);
    if (method === 'GET' || seen.delete(key)) return false;
    request.resume();
    response.writeHead(status, { 'Content-Type': 'text/html' }).end('<h1>what?</h1>');
    return true;
  };
}

/** Sends requests for one path to another URL; what follows the path is kept. */
export function redirect(from: string, to: string, status = 301): Fault {
  return (request, response) => {
    if (!request.url!.startsWith(from)) return false;
    request.resume();
    response.writeHead(status, { Location: `${to}${request.url!.slice(from.length)}` }).end();
    return true;
  };
}

/** A certificate authority of one's own and a certificate of it for this machine. */
export function makeCertificates(folder: string): { caFile: string; tls: { key: Buffer; cert: Buffer } } {
  mkdirSync(folder, { recursive: true });
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Test CA', '-days', '2');
  openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=127.0.0.1');
  writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names', '-days', '2'];
  openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.pem', ...signed);
  const read = (file: string) => readFileSync(join(folder, file));
  return { caFile: join(folder, 'ca.pem'), tls: { key: read('server.key'), cert: read('server.pem') } };
}
