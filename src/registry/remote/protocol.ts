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
  const { connect } = await import('node:tls');
  const { isIP } = await import('node:net');
  const name = secure.hostname.replace(/^\[|\]$/g, '');
  const spoken = await new Promise<boolean>((resolve, reject) => {
    const port = Number(secure.port || 443);
    // One that nobody trusts is TLS too; the first request tells.
    const socket = connect({
      host: name,
      port,
      ...(isIP(name) === 0 ? { servername: name } : {}),
    });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(seconds * 1000, () => end(true));
    socket.once('secureConnect', () => end(true));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (/WRONG_VERSION_NUMBER|PACKET_LENGTH|HTTP_REQUEST|UNEXPECTED_MESSAGE/.test(`${error.code} ${error.message}`))
        end(false);
      else if (error.code === 'ECONNREFUSED') reject(unreachable(`${host}: Connection refused`, { again: true }));
      else if (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        reject(unreachable(`${host}: the connection was cut`, { again: true }));
      else end(true);
    });
    socket.once('end', () => end(true));
  });
  return spoken ? secure : plain;
}
