import { type ChildProcess, spawn } from 'node:child_process';
import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createSocketServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a registry of `auth: 'htpasswd'` and the token server take. */
export const login = { username: 'tester', password: 'sec:ret word' };
/** Made by `htpasswd -nbBC 4`. */
const htpasswd = 'tester:$2y$04$a7xgN64ioXBLlfnppdH1kuFm/cfG4qIsLsInZN82x8wFza05b6IHO\n';

export interface RegistryServer {
  /** `127.0.0.1:PORT` */
  host: string;
  port: number;
  /** Where it keeps what it has. */
  directory: string;
  close(): Promise<void>;
}

export interface RegistryOptions {
  tls?: { key: Buffer; cert: Buffer };
  /** A certificate authority: clients without a certificate of it are refused. */
  clientCa?: string;
  auth?: 'htpasswd' | TokenServer;
  readOnly?: boolean;
  /** Nothing can be deleted, as its configuration has it where nobody changes it. */
  deletesNothing?: boolean;
}

/**
 * Whom the user of this machine has logged in to is nothing to the tests, and skopeo's usual place for that may be a
 * folder that another user has made.
 */
function forgetLogins(): void {
  const file = join(mkdtempSync(join(tmpdir(), 'dmrel-logins-')), 'auth.json');
  writeFileSync(file, '{}');
  process.env.REGISTRY_AUTH_FILE = file;
}

/** Debian's docker-registry on a free port of this machine, with a directory of its own. */
export async function startRegistry(options: RegistryOptions = {}): Promise<RegistryServer> {
  forgetLogins();
  const base = mkdtempSync(join(tmpdir(), 'dmrel-registry-server-'));
  const directory = join(base, 'data');
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(base, name), content);
    return join(base, name);
  };
  const port = await freePort();
  const http: Record<string, unknown> = { addr: `127.0.0.1:${port}`, secret: 'of this test' };
  if (options.tls) {
    http.tls = {
      certificate: file('server.pem', options.tls.cert),
      key: file('server.key', options.tls.key),
      ...(options.clientCa === undefined ? {} : { clientcas: [options.clientCa] }),
    };
  }
  const { auth } = options;
  const configuration = {
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: directory },
      delete: { enabled: options.deletesNothing !== true },
      maintenance: { uploadpurging: { enabled: false }, readonly: { enabled: options.readOnly === true } },
    },
    http,
    ...(auth === 'htpasswd' ? { auth: { htpasswd: { realm: 'test', path: file('htpasswd', htpasswd) } } } : {}),
    ...(typeof auth === 'object'
      ? {
          auth: {
            token: {
              realm: auth.url,
              service: 'test service',
              issuer: 'test issuer',
              rootcertbundle: file('issuer.pem', auth.certificate),
            },
          },
        }
      : {}),
  };
  // JSON is YAML.
  const child = spawn('docker-registry', ['serve', file('config.yml', JSON.stringify(configuration))], {
    stdio: 'ignore',
    env: { PATH: process.env.PATH },
  });
  await listening(port, child);
  return {
    host: `127.0.0.1:${port}`,
    port,
    directory,
    close: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGKILL')) await ended;
      rmSync(base, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createSocketServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  for (let waited = 0; ; waited += 20) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    if (child.exitCode !== null || waited > 20_000)
      throw new Error(`docker-registry does not start (${child.exitCode})`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export interface TokenRequestSeen {
  method: string;
  scopes: string[];
  service: string | null;
  authorization: string | undefined;
  form: URLSearchParams;
}

/** Makes tokens as distribution's "Token Authentication Specification" has them. */
export interface TokenServer {
  url: string;
  /** Of the key that signs: PEM. */
  certificate: Buffer;
  requests: TokenRequestSeen[];
  /** Takes the place of the usual answer when it returns true. */
  fault: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Of the tokens from now on. */
  lifeSeconds: number;
  /** What it says about that, when it says otherwise. */
  saidSeconds: number | undefined;
  /** All from now on are of no use to the registry. */
  spoilt: boolean;
  close(): Promise<void>;
}

export const identityToken = 'an-identity-token';

/** @param signer the key and certificate of tokens (RSA or EC); also those of the server when it speaks TLS */
export async function startTokenServer(
  signer: { key: Buffer; cert: Buffer },
  options: { tls?: boolean } = {},
): Promise<TokenServer> {
  const server = {} as TokenServer;
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { searchParams } = new URL(request.url!, 'http://localhost');
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      const scopes = [...searchParams.getAll('scope'), ...(form.get('scope')?.split(' ') ?? [])];
      const { authorization } = request.headers;
      const service = searchParams.get('service') ?? form.get('service');
      server.requests.push({ method: request.method!, scopes, service, authorization, form });
      if (server.fault?.(request, response)) return;
      const basic = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
      const known = authorization === basic || form.get('refresh_token') === identityToken;
      if (!known && (authorization !== undefined || form.has('refresh_token')))
        return void response.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}');
      const token = makeToken(signer, known ? scopes : [], server.spoilt ? -3600 : server.lifeSeconds);
      const name = request.method === 'POST' ? 'access_token' : 'token';
      const answer = { [name]: token, expires_in: server.saidSeconds ?? server.lifeSeconds };
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    });
  };
  const listening = options.tls ? createTlsServer(signer, listener) : createServer(listener);
  const sockets = new Set<Socket>();
  listening.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  return Object.assign(server, {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}/token`,
    certificate: signer.cert,
    requests: [],
    fault: undefined,
    lifeSeconds: 300,
    saidSeconds: undefined,
    spoilt: false,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => listening.close(() => resolve()));
    },
  });
}

function makeToken(signer: { key: Buffer; cert: Buffer }, scopes: string[], lifeSeconds: number): string {
  const key = createPrivateKey(signer.key);
  const elliptic = key.asymmetricKeyType === 'ec';
  const now = Math.floor(Date.now() / 1000);
  const access = scopes.map((scope) => {
    const [, type, name, actions] = /^([a-z]+):(.*):([a-z,*]+)$/.exec(scope) ?? [];
    return { type, name, actions: actions?.split(',') };
  });
  const header = {
    typ: 'JWT',
    alg: elliptic ? 'ES256' : 'RS256',
    x5c: [new X509Certificate(signer.cert).raw.toString('base64')],
  };
  const claims = { iss: 'test issuer', sub: 'tester', aud: 'test service', access, jti: String(Math.random()) };
  const times = { iat: now - 7200, nbf: now - 7200, exp: now + lifeSeconds };
  const text = [header, { ...claims, ...times }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('sha256', Buffer.from(text), { key, ...(elliptic ? { dsaEncoding: 'ieee-p1363' } : {}) });
  return `${text}.${signature.toString('base64url')}`;
}

/** A key and a certificate that nobody but itself vouches for. */
export function selfSigned(folder: string, kind: 'rsa' | 'ec', run: (args: string[]) => void) {
  const [key, cert] = [join(folder, `${kind}.key`), join(folder, `${kind}.pem`)];
  const algorithm = kind === 'rsa' ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const subject = ['-subj', `/CN=tokens by ${kind}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  run(['req', '-x509', '-newkey', ...algorithm, '-nodes', '-keyout', key, '-out', cert, ...subject]);
  return { key: readFileSync(key), cert: readFileSync(cert) };
}
