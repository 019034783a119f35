import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createSocketServer, type Server, type Socket } from 'node:net';
import { afterAll } from '@jest/globals';

export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export interface FileServer {
  url: string;
  port: number;
  /** The paths that were asked for, in order. */
  asked: string[];
  requests: IncomingMessage[];
  /** Answer requests for a path one after the other; the last answer again and again. */
  on(path: string, ...answers: Answer[]): void;
}

const servers: Server[] = [];
const sockets = new Set<Socket>();
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** A server on a free port of this machine, gone after the tests of this file. */
export async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Files over http, or https with a certificate; what is not told is 404. */
export async function aFileServer(tls?: { key: Buffer; cert: Buffer }): Promise<FileServer> {
  const answers = new Map<string, Answer[]>();
  const [asked, requests]: [string[], IncomingMessage[]] = [[], []];
  const listener: RequestListener = (request, response) => {
    asked.push(request.url!);
    requests.push(request);
    const left = answers.get(request.url!) ?? [status(404)];
    (left.length > 1 ? left.shift()! : left[0]!)(response, request);
  };
  const port = await listening(tls ? createTlsServer(tls, listener) : createServer(listener));
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  return { url, port, asked, requests, on: (path, ...told) => answers.set(path, [...told]) };
}

/** A server that answers whatever comes with these bytes, and closes the connection. */
export async function aServerOf(bytes: string): Promise<number> {
  return listening(createSocketServer((socket) => socket.once('data', () => socket.end(bytes))));
}

/** A proxy that leads every tunnel to one port of this machine, or answers with a status. */
export async function aProxy(port: number, refusal?: number) {
  const [tunnels, authorizations]: [string[], (string | undefined)[]] = [[], []];
  const server = createServer((_request, response) => response.writeHead(500).end());
  server.on('connect', (request, socket: Socket) => {
    tunnels.push(request.url!);
    authorizations.push(request.headers['proxy-authorization']);
    sockets.add(socket);
    if (refusal !== undefined) return socket.end(`HTTP/1.1 ${refusal} No\r\nContent-Length: 0\r\n\r\n`);
    const target = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(target).pipe(socket);
    });
    target.on('error', () => socket.destroy());
    socket.on('error', () => target.destroy());
  });
  return { port: await listening(server), tunnels, authorizations };
}

export const file =
  (content: string | Uint8Array, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(200, { 'Content-Length': String(Buffer.byteLength(content)), ...headers }).end(content);
  };
export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(code, headers).end('no');
  };
export const movedTo = (location: string, code = 302): Answer => status(code, { Location: location });
/** The connection is cut before an answer. */
export const cut: Answer = (response) => {
  response.socket!.destroy();
};
export const never: Answer = () => {};
