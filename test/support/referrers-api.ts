import { createHash } from 'node:crypto';
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mediaTypes } from '../../src/registry/index.ts';

/**
 * Stands before a registry that has no referrers API and answers in its place as one that has it (distribution-spec,
 * "Listing Referrers" and "Pushing Manifests with Subject"), from the manifests that were put through it.
 */
export async function startReferrersApi(target: string): Promise<{ host: string; close(): Promise<void> }> {
  const [hostname, port] = target.split(':') as [string, string];
  const referrers = new Map<string, Map<string, object>>();

  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    const [, listed] = /\/referrers\/(sha256:[0-9a-f]{64})/.exec(url) ?? [];
    if (listed !== undefined) {
      const manifests = [...(referrers.get(listed)?.values() ?? [])];
      outgoing.writeHead(200, { 'Content-Type': mediaTypes.index });
      return void outgoing.end(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }));
    }
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      const subject = method === 'PUT' && url.includes('/manifests/') ? note(body) : undefined;
      const passed = send({ hostname, port, method, path: url, headers, agent: false }, (answer) => {
        outgoing.writeHead(answer.statusCode!, {
          ...answer.headers,
          ...(subject === undefined ? {} : { 'OCI-Subject': subject }),
        });
        answer.pipe(outgoing);
      });
      passed.on('error', () => incoming.socket.destroy());
      passed.end(body);
    });
  });

  function note(bytes: Buffer): string | undefined {
    const { subject, artifactType, annotations, mediaType } = JSON.parse(bytes.toString());
    if (!subject) return undefined;
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const known = referrers.get(subject.digest) ?? new Map();
    referrers.set(
      subject.digest,
      known.set(digest, { mediaType, digest, size: bytes.length, artifactType, annotations }),
    );
    return subject.digest;
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
