import '../support/as-built.ts';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { counterpart } from '../support/counterparts.ts';
import { dmrel } from '../support/dmrel.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { LevelWorkspace } from '../support/level-workspace.ts';
import { startRegistry } from '../support/registry-server.ts';
import { git } from '../support/release-workspace.ts';

const release = 'w.2018.18';
const args = ['check', '--level', 'dev'];

async function ready(addresses: Record<string, string> = {}): Promise<LevelWorkspace> {
  const levels = { dev: '{registry: dev, checks: [one, two]}' };
  const workspace = LevelWorkspace.make({ levels, addresses, roles: { tester: ['tester-1'] } });
  const config = readFileSync(join(workspace.root, 'dmrel.yaml'), 'utf8');
  const check = 'run: [/bin/sh, -c, "sleep 0.3; echo $DMREL_DIGEST"]';
  workspace.write(
    'dmrel.yaml',
    `${config}checks:\n  one: {kind: command, ${check}}\n  two: {kind: command, ${check}}\n`,
  );
  workspace.write('.gitignore', '.dmrel/\n');
  return workspace.built(release);
}

const evidence = (workspace: LevelWorkspace): string[] => {
  const folder = join(workspace.root, `releases/${release}/evidence`);
  return existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.')) : [];
};
const attached = async (workspace: LevelWorkspace): Promise<number> => {
  const found = await workspace.registry('build').listReferrers('stack', workspace.digest(release));
  return found.ok ? found.value.length : -1;
};

describe('a check run that is killed', () => {
  it('at any line of its journal is finished by the same command: all is attached, committed and pushed', async () => {
    const origin = await ready();
    origin.withUpstream();
    for (const line of [1, 2, 4, 5, 6]) {
      const workspace = origin.copy();
      const { code } = await dmrel(workspace.root, args, { env: workspace.env, dieAt: { line } });
      expect([line, code]).toEqual([line, null]);
      await workspace.done(...args);
      const names = evidence(workspace);
      expect(names.length).toBeGreaterThanOrEqual(2);
      // One that was attached and not recorded may stand beside them: both are true.
      expect(await attached(workspace)).toBeGreaterThanOrEqual(names.length);
      expect(git(workspace.root, 'status', '--porcelain')).toBe('');
      expect(git(workspace.root, 'rev-parse', 'HEAD')).toBe(git(workspace.upstream, 'rev-parse', 'main'));
      expect(await workspace.done(...args)).toContain('nothing to do');
    }
  }, 180_000);
});

describe('what fails between the steps of a check run', () => {
  it('a remote that refuses the record: the results stay, and are pushed by the next run', async () => {
    const workspace = await ready();
    workspace.withUpstream();
    const hook = join(workspace.upstream, 'hooks/pre-receive');
    writeFileSync(hook, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const refused = await workspace.run(...args);
    expect([refused.code, evidence(workspace).length]).toEqual([4, 2]);
    rmSync(hook);
    await workspace.done(...args);
    expect(evidence(workspace).length).toBe(2);
    expect(git(workspace.root, 'rev-parse', 'HEAD')).toBe(git(workspace.upstream, 'rev-parse', 'main'));
  }, 60_000);

  it('a registry that takes no attachments: the results are in the record, and attached by the next run, once', async () => {
    if (!counterpart('docker-registry')) return;
    const server = await startRegistry();
    const proxy = await startFaultProxy(server.host);
    try {
      const workspace = await ready({ build: proxy.host });
      proxy.fail(
        (request) => request.method === 'PUT' && request.path.includes('/manifests/'),
        { type: 'status', status: 403 },
        50,
      );
      const { code, err } = await workspace.run(...args);
      expect([code, err]).toEqual([expect.any(Number), expect.stringContaining('registry')]);
      expect(code).not.toBe(0);
      expect([evidence(workspace).length, git(workspace.root, 'status', '--porcelain')]).toEqual([2, '']);
      proxy.reset();
      await workspace.done(...args);
      expect([evidence(workspace).length, await attached(workspace)]).toEqual([2, 2]);
      expect(await workspace.done(...args)).toContain('nothing to do');
    } finally {
      await proxy.close();
      await server.close();
    }
  }, 60_000);

  it('signs nothing for what somebody else put where it notes what is to be attached', async () => {
    const workspace = await ready();
    await workspace.done(...args);
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'build/stack', digest: { sha256: workspace.digest(release).slice('sha256:'.length) } }],
      predicateType: 'https://example.org/forged/v1',
      predicate: {},
    };
    const forged = { repository: 'build/stack', digest: workspace.digest(release), statement };
    const kept = evidence(workspace)[0]!;
    for (const name of [`${'0'.repeat(64)}.json`, kept])
      workspace.write(`.dmrel/attach/${release}/${name}`, JSON.stringify(forged));
    await workspace.done(...args);
    expect(await attached(workspace)).toBe(2);
    expect(readdirSync(join(workspace.root, '.dmrel/attach', release))).toEqual([]);
  }, 60_000);
});
