import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What a request to a registry is about: `GET manifest`, `PUT upload`. */
export function kindOf(method: string, path: string): string {
  const [, what = ''] = /\/(manifests|blobs\/uploads|blobs|tags|referrers)(?:\/|$)/.exec(path.split('?')[0]!) ?? [];
  const names: Record<string, string> = { manifests: 'manifest', 'blobs/uploads': 'upload', blobs: 'blob' };
  return `${method} ${names[what] ?? (what || 'other')}`;
}

/** A place in a body of some length. */
export type At = (length: number) => number;

export type Fault =
  /** An answer in the place of the registry's, which hears nothing. */
  | { type: 'status'; status: number; headers?: Record<string, string>; body?: string }
  /** Nobody listens for a while; this connection is cut. */
  | { type: 'refused'; milliseconds: number }
  /** The connection is cut before the registry hears anything. */
  | { type: 'reset' }
  /** The registry does it, and the answer is lost. */
  | { type: 'answer lost' }
  | { type: 'answer cut'; at: At }
  /** The registry gets the beginning of the body alone. */
  | { type: 'request cut'; at: At }
  | { type: 'answer corrupted'; at: At }
  | { type: 'request corrupted'; at: At }
  /** A shorter body that says it is all. */
  | { type: 'answer shortened'; at: At }
  /** Content-Length is wrong by so much. */
  | { type: 'length wrong'; by: number }
  /** Nothing for a while, before the answer or in its middle. */
  | { type: 'slow'; milliseconds: number; at?: At };

export interface SeenRequest {
  kind: string;
  method: string;
  path: string;
  status: number | undefined;
  headers: IncomingMessage['headers'];
}

export interface FaultProxy {
  /** `127.0.0.1:PORT`, as the registry's own host. */
  host: string;
  /** In the order in which they came. */
  requests: SeenRequest[];
  /** Let the next `times` requests of a kind go wrong; others go before them that were asked for earlier. */
  fail(kind: string | ((request: SeenRequest) => boolean), fault: Fault, times?: number): void;
  /** What was asked for and has not happened. */
  pending(): number;
  /** Forget requests and faults. */
  reset(): void;
  close(): Promise<void>;
}

interface Plan {
  wanted: (request: SeenRequest) => boolean;
  fault: Fault;
  left: number;
}

/** Stands before a registry without TLS on this machine and passes everything on, but for what is to go wrong. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const [hostname, port] = target.split(':') as [string, string];
  const requests: SeenRequest[] = [];
  let plans: Plan[] = [];
  const sockets = new Set<Socket>();

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = request;
    const seen: SeenRequest = { kind: kindOf(method, url), method, path: url, status: undefined, headers };
    requests.push(seen);
    const plan = plans.find(({ wanted, left }) => left > 0 && wanted(seen));
    if (plan) plan.left -= 1;
    const { fault } = plan ?? {};
    if (fault?.type === 'reset') return void request.socket.destroy();
    if (fault?.type === 'refused') return refuse(fault.milliseconds);
    if (fault?.type === 'status') {
      request.resume();
      seen.status = fault.status;
      return void response.writeHead(fault.status, fault.headers).end(method === 'HEAD' ? undefined : fault.body);
    }
    const outgoing = send({ hostname, port, method, path: url, headers, agent: false });
    outgoing.on('error', () => request.socket.destroy());
    response.on('close', () => outgoing.destroy());
    outgoing.on('response', (incoming) => {
      seen.status = incoming.statusCode;
      incoming.on('error', () => fault ?? request.socket.destroy());
      void passOn(incoming, response, request, fault);
    });
    await forward(request, outgoing, fault);
  };

  const server = createServer((request, response) => void answer(request, response));
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve));
  await listen(0);
  const own = (server.address() as AddressInfo).port;
  const stop = () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    return closed;
  };
  const refuse = async (milliseconds: number): Promise<void> => {
    await stop();
    setTimeout(() => void listen(own), milliseconds);
  };

  return {
    host: `127.0.0.1:${own}`,
    requests,
    fail: (kind, fault, times = 1) => {
      plans.push({ wanted: typeof kind === 'string' ? (seen) => seen.kind === kind : kind, fault, left: times });
    },
    pending: () => plans.reduce((sum, { left }) => sum + left, 0),
    reset: () => {
      plans = [];
      requests.length = 0;
    },
    close: stop,
  };
}

async function forward(request: IncomingMessage, outgoing: ReturnType<typeof send>, fault: Fault | undefined) {
  if (fault?.type !== 'request cut' && fault?.type !== 'request corrupted') return void request.pipe(outgoing);
  const body = await wholeOf(request);
  if (fault.type === 'request corrupted') return void outgoing.end(corrupted(body, fault.at));
  outgoing.on('error', () => {});
  outgoing.write(body.subarray(0, fault.at(body.length)), () => {
    outgoing.destroy();
    request.socket.destroy();
  });
  // Of nothing, too.
  if (fault.at(body.length) === 0) setTimeout(() => request.socket.destroy(), 5);
}

async function passOn(
  incoming: IncomingMessage,
  response: ServerResponse,
  request: IncomingMessage,
  fault: Fault | undefined,
): Promise<void> {
  const { statusCode = 0, headers } = incoming;
  const cut = (): void => void request.socket.destroy();
  if (fault === undefined || fault.type === 'request corrupted') {
    response.writeHead(statusCode, headers);
    return void incoming.pipe(response);
  }
  // A refusal of docker-registry may break off by itself.
  const body = await wholeOf(incoming);
  if (fault.type === 'answer lost') return cut();
  const head = { ...headers };
  const length = head['content-length'] === undefined ? body.length : Number(head['content-length']);
  if (request.method !== 'HEAD') {
    delete head['transfer-encoding'];
    head['content-length'] = String(body.length);
  }
  switch (fault.type) {
    case 'answer cut': {
      // All of the head and so much of the body; of an empty body, nothing at all.
      if (body.length === 0) return cut();
      response.writeHead(statusCode, head);
      response.flushHeaders();
      return void response.write(body.subarray(0, fault.at(body.length)), cut);
    }
    case 'answer corrupted':
      return void response.writeHead(statusCode, head).end(corrupted(body, fault.at));
    case 'answer shortened': {
      const rest = body.subarray(0, fault.at(body.length));
      return void response.writeHead(statusCode, { ...head, 'content-length': String(rest.length) }).end(rest);
    }
    case 'length wrong': {
      const said = Math.max(0, length + fault.by);
      // By hand, since node would not lie.
      const lines = Object.entries({ ...head, 'content-length': String(said) }).map(
        ([name, value]) => `${name}: ${value}`,
      );
      request.socket.write(`HTTP/1.1 ${statusCode} X\r\n${lines.join('\r\n')}\r\n\r\n`);
      return void request.socket.write(body, () => setTimeout(cut, 20));
    }
    case 'slow': {
      const first = fault.at?.(body.length) ?? 0;
      if (first > 0) response.writeHead(statusCode, head).write(body.subarray(0, first));
      await new Promise((resolve) => setTimeout(resolve, fault.milliseconds));
      if (first === 0) response.writeHead(statusCode, head);
      return void response.end(body.subarray(first));
    }
    default:
      return cut();
  }
}

function corrupted(body: Buffer, at: At): Buffer {
  const copy = Buffer.from(body);
  const place = Math.min(copy.length - 1, at(copy.length));
  if (copy.length > 0) copy[place] = copy[place]! ^ 1;
  return copy;
}

async function wholeOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await new Promise((resolve) => {
    stream
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', resolve)
      .on('error', resolve);
  });
  return Buffer.concat(chunks);
}
