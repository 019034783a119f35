import { afterAll, describe, expect, it } from '@jest/globals';
import { imageFor } from '../../src/checking/platforms.ts';
import { lookAtImage } from '../../src/checking/structure.ts';
import { openLayout } from '../../src/registry/index.ts';
import { type Digest, unwrap } from '../../src/support/index.ts';
import { aDirectory, anImage, anIndex, removeDirectories } from '../registry/images.ts';
import { problemsOf } from '../support/workspace.ts';

afterAll(removeDirectories);
// Put together here, so that no scanner takes this file for a leak.
const secret = ['ghp_', 'a'.repeat(36)].join('');

describe('what is in the layers of an image', () => {
  it('is searched for secrets, also what a later layer takes away, and named without being told', async () => {
    const registry = openLayout(await aDirectory());
    const digest = await anImage(registry, 'stack', [
      { 'root/.config/token': secret, 'usr/share/doc/token': secret },
      { 'root/.config/.wh.token': '', 'opt/clean': 'nothing' },
    ]);
    const look = async (noSecrets: true | { except: string[] }) =>
      unwrap(await lookAtImage({ kind: 'structure', noSecrets }, { registry, repository: 'stack', digest }));
    expect(await look({ except: ['/usr/share/doc'] })).toEqual({
      passed: [],
      warned: [],
      failed: ['no secrets: /root/.config/token has a token of GitHub'],
    });
    expect(JSON.stringify(await look(true))).not.toContain(secret);
    expect((await look({ except: ['/usr/share/doc', '/root'] })).passed).toEqual(['no secrets']);
  });

  it('is not endlessly told: twenty files are named, of the others the number', async () => {
    const registry = openLayout(await aDirectory());
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, number) => [`home/${number}`, secret]));
    const digest = await anImage(registry, 'stack', [files]);
    const { failed } = unwrap(
      await lookAtImage({ kind: 'structure', noSecrets: true }, { registry, repository: 'stack', digest }),
    );
    expect([failed.length, failed.at(-1)]).toEqual([21, 'no secrets: and 10 more']);
  });

  it('is looked at for each platform of an index; what an engine cannot run is neither passed nor failed', async () => {
    const registry = openLayout(await aDirectory());
    const [one, other] = [
      await anImage(registry, 'stack', [{ 'etc/a': '' }]),
      await anImage(registry, 'stack', [{ 'etc/b': '' }]),
    ];
    const plain = await anIndex(registry, 'stack', [one, other]);
    const { bytes } = unwrap(await registry.readManifest('stack', plain));
    const index = JSON.parse(bytes.toString());
    for (const [number, architecture] of ['amd64', 'arm64'].entries())
      index.manifests[number].platform = { os: 'linux', architecture };
    const digest: Digest = unwrap(
      await registry.writeManifest('stack', { mediaType: index.mediaType, bytes: Buffer.from(JSON.stringify(index)) }),
    );
    const place = { registry, repository: 'stack', digest };
    expect(unwrap(await lookAtImage({ kind: 'structure', present: ['/etc/a'] }, place))).toEqual({
      passed: ['linux/amd64: /etc/a is there'],
      warned: [],
      failed: ['linux/arm64: /etc/a is there: it is not'],
    });
    expect(unwrap(await imageFor(place, 'linux/arm64')).digest).toBe(other);
    expect(problemsOf(await imageFor(place, 'linux/riscv64'))[0]).toMatchObject({
      code: 'check-inconclusive',
      message: 'it is for linux/amd64, linux/arm64, and this engine runs linux/riscv64',
    });
  });
});
