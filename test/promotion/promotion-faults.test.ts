import '../support/as-built.ts';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { counterpart } from '../support/counterparts.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { LevelWorkspace, promoterRoles } from '../support/level-workspace.ts';
import { type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { git } from '../support/release-workspace.ts';
import { atLeast, moments } from '../support/sample.ts';

const [old, newer] = ['w.2018.17', 'w.2018.18'] as [string, string];
const promote = ['promote', '--level', 'dev', '--release', newer];
const present = counterpart('docker-registry');

let server: RegistryServer;
let proxy: FaultProxy;
beforeAll(async () => {
  if (!present) return;
  server = await startRegistry();
  proxy = await startFaultProxy(server.host);
});
afterAll(async () => {
  await proxy?.close();
  await server?.close();
});

let turn = 0;
/** One release at dev, another built; the level's registry behind the proxy, in a place of its own. */
async function aWorkspace(): Promise<LevelWorkspace> {
  turn += 1;
  proxy.reset();
  const workspace = await LevelWorkspace.make({
    roles: promoterRoles,
    addresses: { dev: `${proxy.host}/turn${turn}` },
    levels: { dev: '{registry: dev}' },
  }).built(old, newer);
  await workspace.promote('dev', old);
  return workspace;
}

/** Either all of it is there and said, or what stood there stands there still, as far as anybody reads. */
async function expectWhole(workspace: LevelWorkspace, release: string): Promise<void> {
  proxy.reset();
  expect(workspace.current('dev')).toEqual([release]);
  expect(await workspace.tag('dev', 'dev')).toBe(workspace.digest(release));
}

describe('a promotion whose registry fails', () => {
  it('at any request promotes nothing that is not whole, and is finished when it is run again', async () => {
    if (!present) return;
    const quiet = await aWorkspace();
    proxy.reset();
    await quiet.done(...promote);
    const all = proxy.requests.length;
    expect(all).toBeGreaterThan(20);
    let refused = 0;
    for (const at of moments([...Array(all).keys()].filter((each) => each % Math.ceil(all / 14) === 0))) {
      const workspace = await aWorkspace();
      proxy.reset();
      let seen = 0;
      proxy.fail(() => seen++ >= at, { type: 'status', status: 403 }, 1000);
      const { code } = await workspace.run(...promote);
      if (code !== 0) refused += 1;
      proxy.reset();
      const level = workspace.current('dev');
      expect([[old], [newer]]).toContainEqual(level);
      // The tag is the last but the record: it may be further, never the other way.
      if (level[0] === newer) await expectWhole(workspace, newer);
      const again = await workspace.run(...promote);
      expect({ at, code: again.code, err: again.code === 0 ? '' : again.err }).toEqual({ at, code: 0, err: '' });
      await expectWhole(workspace, newer);
      expect(await workspace.done('reconcile')).toBe('registries are as the records say\n');
      expect(git(workspace.root, 'status', '--porcelain')).toBe('');
    }
    expect(refused).toBeGreaterThan(atLeast(10));
  }, 500_000);

  it('once, anywhere, does not even notice', async () => {
    if (!present) return;
    for (const fault of [{ type: 'reset' }, { type: 'answer lost' }, { type: 'status', status: 503 }] as const) {
      const workspace = await aWorkspace();
      proxy.reset();
      let seen = 0;
      proxy.fail(() => seen++ % 7 === 3, fault, 5);
      await workspace.done(...promote);
      await expectWhole(workspace, newer);
    }
  });

  it('keeps what is demoted gone, also where referrers are listed under a tag', async () => {
    if (!present) return;
    const workspace = await aWorkspace();
    await workspace.done(...promote);
    const image = `${server.host}/turn${turn}/stack@${workspace.digest(newer)}`;
    const key = join(workspace.root, 'trust/dev-1.pub');
    const verify = () => workspace.run('verify', image, '--level', 'dev', '--key', key);
    writeFileSync(
      join(workspace.root, 'dmrel.yaml'),
      git(workspace.root, 'show', 'HEAD:dmrel.yaml').replace(proxy.host, server.host),
    );
    workspace.commit();
    expect((await verify()).out).toMatch(/^yes/);
    await workspace.done('demote', '--level', 'dev', '--release', newer, '--reason', 'unsafe');
    expect((await verify()).out).toMatch(/^no/);
    // What is left is whole: it can be copied and verified byte by byte.
    expect((await workspace.run('image', 'verify', image)).code).toBe(0);
    await expectWhole(workspace, old);
  });
});

describe('a demotion whose registry', () => {
  const demote = ['demote', '--level', 'dev', '--release', newer, '--reason', 'unsafe'];

  it('does not let all be read is said, fails, and is finished when it is run again', async () => {
    if (!present) return;
    const workspace = await aWorkspace();
    workspace.withUpstream();
    await workspace.done(...promote);
    proxy.fail(
      ({ method, path }) => method === 'GET' && path.endsWith(workspace.digest(newer)),
      {
        type: 'status',
        status: 403,
      },
      1000,
    );
    for (const run of [1, 2]) {
      const { code, err } = await workspace.run(...demote);
      expect([run, code, err]).toEqual([
        run,
        4,
        expect.stringContaining("the promoter's signatures are still at dev/stack@"),
      ]);
      expect(workspace.current('dev')).toEqual([old]);
      expect(git(workspace.upstream, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
    }
    proxy.reset();
    await workspace.done(...demote);
    expect(await workspace.done(...demote)).toContain('nothing to do');
    expect(await workspace.done('reconcile')).toBe('registries are as the records say\n');
    expect(git(workspace.upstream, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
  });

  it('deletes nothing is recorded, and says what is left and what to do', async () => {
    if (!present) return;
    const keeping = await startRegistry({ deletesNothing: true });
    try {
      const workspace = await LevelWorkspace.make({
        roles: promoterRoles,
        addresses: { dev: keeping.host },
        levels: { dev: '{registry: dev}', batch: '{registry: batch, after: [dev]}' },
      }).built(old, newer);
      for (const release of [old, newer]) await workspace.promote('dev', release);
      const { code, err } = await workspace.run(...demote);
      expect([code, err]).toEqual([4, expect.stringContaining("the promoter's signatures are still at dev/stack@")]);
      expect(err).toContain('the registry may have to be told to allow it');
      expect(workspace.current('dev')).toEqual([old]);
      expect(git(workspace.root, 'status', '--porcelain')).toBe('');
      expect((await workspace.refused('promote', '--level', 'batch', '--release', newer)).code).toBe(1);
      expect((await workspace.run(...demote)).code).toBe(4);
      const left = `dev/stack@${workspace.digest(newer)} was taken away with ${newer}, and has the promoter's signature still`;
      expect((await workspace.refused('reconcile', '--dry-run')).problems).toEqual([`level-drift: ${left}`]);
    } finally {
      await keeping.close();
    }
  });
});

describe('a promotion whose upstream fails', () => {
  it('between any two steps leaves nothing half true, and is finished when it is back', async () => {
    if (!present) return;
    const kinds = ['PUT manifest', 'POST upload', 'HEAD manifest'];
    for (const kind of kinds) {
      const workspace = await aWorkspace();
      workspace.withUpstream();
      proxy.reset();
      let gone = false;
      const away = `${workspace.upstream}.away`;
      proxy.fail(
        (request) => {
          // In the middle of the copy: the level was had already.
          if (gone || request.kind !== kind || proxy.requests.length < 12) return false;
          gone = true;
          if (existsSync(workspace.upstream)) renameSync(workspace.upstream, away);
          return false;
        },
        { type: 'reset' },
      );
      const { code } = await workspace.run(...promote);
      if (existsSync(away)) {
        expect(code).toBe(4);
        renameSync(away, workspace.upstream);
      }
      const again = await workspace.run(...promote);
      expect({ kind, code: again.code, err: again.code === 0 ? '' : again.err }).toEqual({ kind, code: 0, err: '' });
      await expectWhole(workspace, newer);
      expect(git(workspace.upstream, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
      expect(git(workspace.upstream, 'rev-parse', 'main')).toBe(git(workspace.root, 'rev-parse', 'HEAD'));
    }
  });

  it('and takes no records keeps the level to itself until it takes them', async () => {
    if (!present) return;
    const workspace = await aWorkspace();
    workspace.withUpstream();
    const hook = join(workspace.upstream, 'hooks/update');
    writeFileSync(hook, '#!/bin/sh\ncase $1 in refs/heads/*) echo not now >&2; exit 1;; esac\n', { mode: 0o755 });
    const { code, err } = await workspace.run(...promote);
    expect([code, err]).toEqual([4, expect.stringContaining('push-refused')]);
    expect(git(workspace.upstream, 'for-each-ref', '--format=%(refname)').split('\n')).toContain(
      'refs/dmrel/levels/dev',
    );
    rmSync(hook);
    expect(await workspace.done(...promote)).toContain('stands at dev');
    await expectWhole(workspace, newer);
    expect(git(workspace.upstream, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
    expect(dirname(workspace.upstream)).toBe(dirname(workspace.root));
  });
});
