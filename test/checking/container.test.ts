import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Checks } from '../../src/checking/checks.ts';
import { lookOnce } from '../../src/checking/look.ts';
import { openLayout } from '../../src/registry/index.ts';
import { type Digest, unwrap } from '../../src/support/index.ts';
import type { ContainerCheck, Workspace } from '../../src/workspace/index.ts';
import { aBusyboxImage } from '../support/busybox-image.ts';
import { containerStorage } from '../support/container-storage.ts';
import { counterpart } from '../support/counterparts.ts';
import { dockerClient, hasDockerd, startDockerd } from '../support/dockerd.ts';
import { aWorkspace } from '../support/workspace.ts';

const configuration = `sha256:${'1'.repeat(64)}` as Digest;
const never = new AbortController().signal;

interface RunningEngine {
  env: NodeJS.ProcessEnv;
  client: string;
  stop(): Promise<void> | void;
}

const engines: Record<'docker' | 'podman', () => Promise<RunningEngine | undefined>> = {
  docker: async () => (hasDockerd() ? { ...(await daemon()), client: dockerClient } : undefined),
  podman: async () => {
    if (!counterpart('podman') || !counterpart('runc')) return undefined;
    const folder = mkdtempSync(join(tmpdir(), 'dmrel-podman-'));
    const { env, remove } = containerStorage(folder);
    const file = join(folder, 'containers.conf');
    // What works in any machine that is root's: crun wants more of a kernel, and more than a machine may have itself is refused.
    const limits = 'default_ulimits = ["nofile=1000:1000", "nproc=1000:1000"]';
    writeFileSync(file, `[containers]\n${limits}\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n`);
    return { env: { ...env, CONTAINERS_CONF: file }, client: 'podman', stop: remove };
  },
};

async function daemon(): Promise<Pick<RunningEngine, 'env' | 'stop'>> {
  const started = await startDockerd();
  return { env: started.env, stop: () => started.stop() };
}

describe.each(['docker', 'podman'] as const)('an image that is run by %s', (runner) => {
  let engine: RunningEngine | undefined;
  let workspace: Workspace;
  let digest: Digest;
  beforeAll(async () => {
    engine = await engines[runner]();
    const made = aWorkspace().with(
      'dmrel.yaml',
      'schema: dmrel/workspace/v1\norganization: test\nregistries: {build: "layout:r"}\nimages: {stack: {context: s}}\nchecks: {smoke: {kind: container}}\n',
    );
    workspace = unwrap(await made.open());
    digest = await aBusyboxImage(openLayout(join(made.root, 'r')), 'stack');
  }, 60_000);
  afterAll(async () => engine?.stop());

  const look = async (script: string | undefined, more: Partial<ContainerCheck> = {}, signal = never) => {
    const check = {
      kind: 'container',
      runner,
      ...(script === undefined ? {} : { run: [script] }),
      ...more,
    } as ContainerCheck;
    workspace.config.checks!.smoke = check;
    const checks = new Checks(
      workspace,
      { release: 'w.2018.18', level: 'dev' },
      { ...engine!.env, DMREL_KEY_TESTER: 'secret' },
    );
    const released = { repository: 'build/stack', digest, inputs: digest, size: 1, platforms: [] };
    return lookOnce(checks, { check: 'smoke', configuration, image: 'stack', released }, signal);
  };
  const verdict = async (script: string | undefined, more: Partial<ContainerCheck> = {}) =>
    unwrap(await look(script, more)).verdict;
  const containers = () =>
    execFileSync(engine!.client, ['ps', '--all', '--quiet'], { env: engine!.env, encoding: 'utf8' });

  it('passes or fails by its exit code and by what it prints, and is told its digest and no secret', async () => {
    if (!engine) return;
    const output = { match: ['^sha256:[0-9a-f]{64}$'], refuse: ['secret', 'Traceback'] };
    expect(await verdict('echo $DMREL_DIGEST; echo "$DMREL_KEY_TESTER$HOME"', { output })).toMatchObject({
      passed: [
        expect.stringContaining('exits 0'),
        expect.stringContaining('output has /'),
        expect.anything(),
        expect.anything(),
      ],
      failed: [],
    });
    expect((await verdict('echo Traceback; exit 3', { output: { refuse: ['Traceback'] } })).failed).toEqual([
      expect.stringMatching(/exits 0: exit code 3: Traceback \(\.dmrel\/jobs\/\w+\/0\/log\)$/),
      'output has nothing of /Traceback/: it has',
    ]);
    expect((await verdict(undefined, { output: { match: ['from the image'] } })).failed).toEqual([]);
    expect((await verdict('true', { entrypoint: '/no/such' })).failed[0]).toMatch(
      /^it cannot be started: .*no such file/,
    );
    expect(containers()).toBe('');
  }, 60_000);

  it('can do nothing but read what it is given, and fill its directory for results', async () => {
    if (!engine) return;
    mkdirSync(join(workspace.root, 'data'), { recursive: true });
    writeFileSync(join(workspace.root, 'data/input'), 'given');
    const script = [
      'cat /data/input && echo read',
      'touch /data/new 2>/dev/null || echo data-kept',
      'touch /new 2>/dev/null || echo root-kept',
      'touch /tmp/new && echo tmp-open',
      'dd if=/dev/zero of=/tmp/big bs=1M count=3 2>/dev/null || echo tmp-small',
      'ls /sys/class/net',
      'cat /proc/self/status',
    ].join('; ');
    const match = [
      '^givenread$',
      '^data-kept$',
      '^root-kept$',
      '^tmp-open$',
      '^tmp-small$',
      '^lo$',
      '^CapEff:\\s0+$',
      '^NoNewPrivs:\\s1$',
      '^Uid:\\s1000\\b',
    ];
    const found = await verdict(`echo; ${script}`, {
      mounts: { '/data': 'data' },
      tmp: '1MiB',
      output: { match, refuse: ['eth0'] },
    });
    expect(found.failed).toEqual([]);
    expect(existsSync(join(workspace.root, 'data/new'))).toBe(false);
    expect(unwrapProblem(await look('true', { mounts: { '/data': '../..' } }))).toBe('unsafe-path');
  }, 60_000);

  it('leaves JUnit in its directory, and nothing that leads elsewhere', async () => {
    if (!engine) return;
    const suite = '<testsuite name="s"><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>';
    expect((await verdict(`echo '${suite}' > /results/r.xml`, { junit: '*.xml' })).failed).toEqual(['s.b']);
    expect((await verdict('true', { junit: '*.xml' })).failed).toEqual(['*.xml is there: it is not']);
    const link = 'ln -s /etc/passwd /results/r.xml';
    expect((await verdict(link, { junit: '*.xml' })).failed).toEqual(['*.xml is there: it is not']);
  }, 60_000);

  it('is ended when it hangs, forks, floods or fills more than it may, and nothing of it is left', async () => {
    if (!engine) return;
    const [hangs, forks, floods, wants] = [
      await verdict('trap "" TERM; echo deaf; while true; do sleep 1; done', { timeout: '2s' }),
      await verdict('n=0; while [ $n -lt 100 ]; do sleep 30 & n=$((n+1)); done; echo survived', {
        pids: 20,
        timeout: '20s',
        output: { refuse: ['^survived$'] },
      }),
      await verdict('yes | head -c 20000000; echo end', { output: { match: ['^end$'], refuse: ['^n$'] } }),
      await verdict('dd if=/dev/zero of=/dev/null bs=600M count=1', { memory: '32MiB' }),
    ];
    expect(hangs!.failed[0]).toMatch(/stopped after 2s/);
    expect(forks!.failed[0]).toMatch(/exit code/);
    expect(floods!.failed).toEqual([]);
    expect(wants!.failed.join()).toMatch(/memory|exit code/);
    const logs = readdirSync(join(workspace.root, '.dmrel/jobs')).map((id) =>
      join(workspace.root, '.dmrel/jobs', id, '0/log'),
    );
    expect(Math.max(...logs.map((log) => readFileSync(log).length))).toBe(8 * 2 ** 20);
    expect(
      (await verdict('dd if=/dev/zero of=/results/big bs=1M count=300; sleep 60', { timeout: '40s' })).failed[0],
    ).toBe('/results holds more than 256 MiB or 10000 files');
    expect(containers()).toBe('');
  }, 120_000);

  it('is ended by an interruption; what a killed run left is ended by the next one', async () => {
    if (!engine) return;
    const interruption = new AbortController();
    const begins = async () => {
      for (let tries = 0; tries < 300 && containers() === ''; tries++) await new Promise((go) => setTimeout(go, 50));
    };
    const interrupted = look('sleep 60', {}, interruption.signal);
    await begins();
    interruption.abort();
    expect(unwrapProblem(await interrupted)).toBe('interrupted');
    expect(unwrapProblem(await look('sleep 60', {}, AbortSignal.abort()))).toBe('interrupted');
    const killed = look('sleep 60');
    await begins();
    expect((await verdict('true')).failed).toEqual([]);
    expect(unwrapProblem(await killed)).toBe('check-inconclusive');
    expect(containers()).toBe('');
  }, 60_000);

  it('says nothing of the image when no engine works', async () => {
    if (!engine) return;
    const { env } = engine;
    engine.env = { ...env, PATH: '/nowhere', DOCKER_HOST: 'unix:///nowhere.sock' };
    try {
      expect(unwrapProblem(await look('true'))).toBe('engine-unavailable');
    } finally {
      engine.env = env;
    }
  }, 60_000);
});

const unwrapProblem = (found: Awaited<ReturnType<typeof lookOnce>>): string | undefined =>
  found.ok ? undefined : found.problems[0]!.code;
