import { createServer, type Socket } from 'node:net';

export const packet = (text: string): string => (text.length + 4).toString(16).padStart(4, '0') + text;

/** A server of git:// that says what it likes to whoever asks, and what ends it. */
export async function aRawGitServer(answer: (socket: Socket) => void): Promise<{ url: string; end(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // the other end hangs up when it has enough
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `git://127.0.0.1:${port}/p.git`,
    end: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Refs as git-upload-pack has told them since its beginning (gitprotocol-pack). */
export function* advertisement(head: string, others: number): Generator<string> {
  yield packet(`${head} HEAD\0multi_ack symref=HEAD:refs/heads/main agent=x\n`);
  yield packet(`${head} refs/heads/main\n`);
  let chunk = '';
  for (let index = 0; index < others; index++) {
    chunk += packet(`${head} refs/tags/t${index}\n`);
    if (chunk.length < 2 ** 20) continue;
    yield chunk;
    chunk = '';
  }
  yield `${chunk}0000`;
}
