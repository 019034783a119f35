import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { makeTrust } from '../support/keys.ts';
import { git, ReleaseWorkspace } from '../support/release-workspace.ts';

interface Finding {
  what: string;
  sound: boolean;
  says: string;
  problems: { code: string; subject?: string; hint?: string; message?: string }[];
}

function hook(workspace: ReleaseWorkspace, product: string, name: string, script: string): void {
  const file = join(workspace.remote(product), 'hooks', name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

const named = (json: { findings: Finding[] }, what: string) => json.findings.find((each) => each.what === what)!;

describe('dmrel doctor', () => {
  it('says of each thing a release needs that it is there', async () => {
    const workspace = new ReleaseWorkspace(3);
    const before = workspace.state();
    const { code, json } = await dmrelJson(workspace.root, ['doctor', '--push']);
    expect([code, json.sound]).toEqual([0, true]);
    expect(json.findings.map(({ what, says }: Finding) => [what, says])).toEqual([
      ['node', process.version],
      ['git', expect.stringMatching(/^2\./)],
      ['workspace', 'valid: 0 milestones, 0 features, 3 products, 0 release records'],
      ['identity', 'Release Manager <rm@example.org>'],
      ['upstream', 'none: records are not pushed anywhere'],
      ['keys', 'none are trusted: statements count whoever made them'],
      ['remotes', '3 of 3 repositories answer'],
      ['push', '3 of 3 take tags'],
    ]);
    expect(workspace.state()).toBe(before);
  });

  it('says which roles can sign here, and which keys end soon', async () => {
    const workspace = new ReleaseWorkspace(1);
    const day = (ahead: number) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
    const { section, env } = makeTrust(workspace.root, {
      more: {
        'builder-1': `notAfter: "${day(10)}"`,
        'tester-1': `notAfter: "${day(40)}"`,
        bob: `notAfter: "${day(-1)}"`,
      },
    });
    workspace.write('dmrel.yaml', workspace.read('dmrel.yaml') + section);
    const { DMREL_KEY_TESTER_1, DMREL_KEY_BOB } = env;
    const { code, json } = await dmrelJson(workspace.root, ['doctor'], { env: { DMREL_KEY_TESTER_1, DMREL_KEY_BOB } });
    expect(code).toBe(0);
    const { sound, says, problems } = named(json, 'keys');
    expect([sound, says]).toEqual([
      true,
      'tester (tester-1) can sign here; not builder, release-manager, promoter-batch',
    ]);
    expect(problems).toMatchObject([
      { code: 'key-expires', subject: 'builder-1', message: `key 'builder-1' ends on ${day(10)}, in 10 days` },
      { code: 'key-expires', subject: 'bob', message: `key 'bob' ended on ${day(-1)}` },
    ]);
  });

  it('finds what only a real push tells: a hook that refuses tags, a server that lets none be deleted', async () => {
    const workspace = new ReleaseWorkspace(3);
    hook(workspace, 'p01', 'pre-receive', 'echo release managers only >&2; exit 1');
    hook(workspace, 'p02', 'update', `[ $3 != ${'0'.repeat(40)} ]`);
    expect((await dmrel(workspace.root, ['doctor'])).code).toBe(0);
    const { json } = await dmrelJson(workspace.root, ['doctor', '--push']);
    expect(named(json, 'push')).toMatchObject({ sound: false, says: '1 of 3 take tags' });
    expect(named(json, 'push').problems).toMatchObject([
      { code: 'tag-push-failed', subject: 'p01', message: expect.stringContaining('release managers only') },
      { code: 'tag-push-failed', subject: 'p02', hint: expect.stringContaining(':refs/tags/dmrel.doctor.') },
    ]);
  });

  it('goes on past what is wrong, and names it: the workspace, who you are, a remote', async () => {
    const workspace = new ReleaseWorkspace(1);
    workspace.write('products/repos.yaml', `${workspace.read('products/repos.yaml')}gone: ./remotes/gone.git\n`);
    workspace.write('milestones/m.yaml', 'schema: dmrel/milestones/v1\nmilestones: {M-1: {titel: x}}\n');
    git(workspace.root, 'config', '--unset', 'user.name');
    git(workspace.root, 'config', '--unset', 'user.email');
    const { code, json } = await dmrelJson(workspace.root, ['doctor']);
    expect(code).toBe(3);
    expect(named(json, 'workspace').problems.map((each) => each.code)).toContain('unknown-key');
    expect(named(json, 'identity').problems).toMatchObject([{ code: 'identity-missing' }]);
    expect(named(json, 'remotes').problems).toMatchObject([{ code: 'remote-unreachable', subject: 'gone' }]);
    const { out } = await dmrel(workspace.root, ['doctor']);
    expect(out).toContain('!!  identity');
    expect(out).toContain('ok  git');
  });

  it('shows every engine that could build the images, works or not, and which one would build each', async () => {
    const workspace = new ReleaseWorkspace(1);
    const images =
      'plain: {context: images/plain}\n  run: {context: images/run}\n  asked: {context: images/run, engine: docker}';
    workspace.write('dmrel.yaml', `${workspace.read('dmrel.yaml')}images:\n  ${images}\n`);
    workspace.write('images/plain/Dockerfile', 'FROM scratch\nCOPY a /\n');
    workspace.write('images/run/Dockerfile', 'FROM scratch\nCOPY a /\nRUN ["/a"]\n');
    const env = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
    const { code, json } = await dmrelJson(workspace.root, ['doctor'], { env });
    expect(named(json, 'engine assemble')).toMatchObject({ sound: true, says: 'built in' });
    for (const name of ['docker', 'buildah', 'podman'])
      expect(named(json, `engine ${name}`).says).toMatch(new RegExp(`^${name} (is not installed|.*[0-9])`));
    expect(named(json, 'image plain')).toMatchObject({ sound: true, says: expect.stringMatching(/^assemble: /) });
    expect(named(json, 'image run').says).toMatch(
      /^(buildah: the assemble engine has no RUN \(line 3\)|podman: |nothing here)/,
    );
    // Nobody answers where docker is looked for.
    expect(named(json, 'image asked')).toMatchObject({
      sound: false,
      says: 'nothing here can build it',
      problems: [
        { code: 'engine-unavailable', message: expect.stringMatching(/^asked is to be built by docker: docker/) },
      ],
    });
    expect(code).toBe(4);
  });
});
