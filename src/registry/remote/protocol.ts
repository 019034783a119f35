import { isLoopback } from './hosts.ts';
import { unreachable } from './trouble.ts';

/**
 * Where a registry answers. Hosts of this machine may go without TLS; as nothing says which of both they do, they are
 * asked: who speaks TLS answers a handshake with one, or at least with an alert.
 */
export async function findProtocol(host: string, plainHttp: boolean | undefined, seconds: number): Promise<URL> {
  const secure = new URL(`https://${host}`);
  const plain = new URL(`http://${host}`);
  if (plainHttp === true) return plain;
  if (plainHttp === false || !isLoopback(secure.hostname)) return secure;
  const { connect } = await import('node:net');
  const spoken = await new Promise<boolean>((resolve, reject) => {
    const socket = connect(Number(secure.port || 443), secure.hostname.replace(/^\[|\]$/g, ''));
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(seconds * 1000, () => end(true));
    socket.once('connect', () => socket.write(clientHello));
    void import('node:http'); // loaded while it answers: what the first request needs
    socket.once('data', ([first]) => end(first === records.alert || first === records.handshake));
    socket.once('end', () => end(true));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') reject(unreachable(`${host}: Connection refused`, { again: true }));
      else if (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        reject(unreachable(`${host}: the connection was cut`, { again: true }));
      else end(true);
    });
  });
  return spoken ? secure : plain;
}

/** RFC 5246, 6.2.1 (the same in RFC 8446, 5.1). */
const records = { alert: 21, handshake: 22 };

/**
 * The first message of a handshake (RFC 5246, 7.4.1.2), by hand: loading node:tls takes longer than a request. Its random
 * bytes are not used for anything; the empty line at their end lets a server without TLS see a request, and refuse it.
 */
const clientHello = (() => {
  const length = (bytes: Buffer, octets: number) => {
    const before = Buffer.alloc(octets);
    before.writeUIntBE(bytes.length, 0, octets);
    return Buffer.concat([before, bytes]);
  };
  const random = Buffer.alloc(32, 'dmrel\r\n\r\n');
  const ciphers = Buffer.from('130113021303c02bc02fc02cc030cca9cca8009c009d002f0035', 'hex');
  const hello = [Buffer.from([3, 3]), random, Buffer.from([0]), length(ciphers, 2), Buffer.from([1, 0])];
  const message = Buffer.concat([Buffer.from([1]), length(Buffer.concat(hello), 3)]);
  return Buffer.concat([Buffer.from([records.handshake, 3, 1]), length(message, 2)]);
})();
