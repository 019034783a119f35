import '../support/as-built.ts';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { unwrap } from '../../src/support/index.ts';
import { anIndex } from '../registry/images.ts';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { LevelWorkspace } from '../support/level-workspace.ts';
import { git } from '../support/release-workspace.ts';
import { hasSlurm, type SlurmCluster, startSlurm } from '../support/slurm.ts';

const release = 'w.2018.18';

/** A release with an image, or two, and a level that asks for all the checks given. */
async function checked(
  checks: Record<string, string>,
  options: { images?: string[]; roles?: Record<string, string[]>; more?: string } = {},
) {
  const levels = { dev: `{registry: dev, checks: [${Object.keys(checks).join(', ')}]}` };
  const { images, roles, more = '' } = options;
  const workspace = LevelWorkspace.make({ levels, ...(images ? { images } : {}), ...(roles ? { roles } : {}) });
  const lines = Object.entries(checks).map(([name, text]) => `  ${name}: ${text}\n`);
  const config = readFileSync(join(workspace.root, 'dmrel.yaml'), 'utf8');
  workspace.write('dmrel.yaml', `${config}checks:\n${lines.join('')}${more}`);
  workspace.write('.gitignore', '.dmrel/\nruns\n');
  return workspace.built(release);
}
const run = (script: string): string => `run: [/bin/sh, -c, ${JSON.stringify(script)}]`;
const statements = (workspace: LevelWorkspace) => {
  const folder = join(workspace.root, `releases/${release}/evidence`);
  return (existsSync(folder) ? readdirSync(folder) : []).map((name) => {
    const text = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    return text.payload ? JSON.parse(Buffer.from(text.payload, 'base64').toString()) : text;
  });
};
const predicateOf = (workspace: LevelWorkspace, check: string) =>
  statements(workspace).find(({ predicate }) => predicate.configuration[0].name === check)?.predicate;
const codes = (json: { problems: { code: string; severity: string; message: string }[] }) =>
  json.problems.map(({ code, severity, message }) => `${severity} ${code} ${message}`);

describe('dmrel check', () => {
  it('runs checks of every kind, keeps what each found, and lets nothing but its failures keep a release out', async () => {
    const workspace = await checked({
      clean: '{kind: structure, noSecrets: true, present: [/etc/release]}',
      suite: `{kind: command, junit: "*.xml", version: "3", ${run(`echo '<testsuite><testcase name="t"/></testsuite>' >"$DMREL_RESULTS/r.xml"; test -z "$DMREL_KEY_X"`)}}`,
      drp: `{kind: metrics, metrics: {AM1: {max: 10}}, ${run('echo noise >&2; echo "{\\"AM1\\": 5.7}"')}}`,
      scan: `{kind: vulnerabilities, max: {critical: 0}, report: scan.json, ${run('echo "{\\"matches\\": []}" >"$DMREL_RESULTS/scan.json"')}}`,
      looks: `{kind: command, advisory: true, ${run('echo not pretty; exit 1')}}`,
      lab: '{kind: import, junit: "elsewhere/*.xml"}',
    });
    const property = `<property name="dmrel.digest" value="${workspace.digest(release)}"/>`;
    workspace.write(
      'elsewhere/a.xml',
      `<testsuite timestamp="2018-05-03T01:02:03"><properties>${property}</properties><testcase name="n"/></testsuite>`,
    );
    workspace.write(
      'elsewhere/b.xml',
      '<testsuite><testcase name="of another image"><failure/></testcase></testsuite>',
    );
    workspace.env.DMREL_KEY_X = 'secret';
    const { code, out, err } = await workspace.run('check', '--level', 'dev');
    expect([code, out]).toEqual([
      0,
      `${release} for dev: 5 of 6 checks passed now; evidence in releases/${release}/evidence/\n`,
    ]);
    expect(err).toContain('looks failed on stack: /bin/sh -c echo not pretty; exit 1 exits 0: exit code 1: not pretty');
    expect(predicateOf(workspace, 'suite')).toMatchObject({ result: 'PASSED', passedTests: [expect.any(String), 't'] });
    expect(predicateOf(workspace, 'suite').configuration[0].annotations).toMatchObject({
      runner: 'local',
      version: '3',
    });
    expect(predicateOf(workspace, 'drp').passedTests).toContain('AM1 <= 10: 5.7');
    expect(predicateOf(workspace, 'scan').configuration[0].annotations).toMatchObject({ 'count.critical': '0' });
    expect(predicateOf(workspace, 'looks')).toMatchObject({ result: 'WARNED', failedTests: [] });
    expect(predicateOf(workspace, 'lab').configuration[0].annotations.finishedOn).toBe('2018-05-03T01:02:03Z');
    expect(git(workspace.root, 'status', '--porcelain', 'releases')).toBe('');
    expect(await workspace.done('check', '--level', 'dev')).toBe(
      `${release}: nothing to do; 6 checks for dev passed already\n`,
    );
  }, 60_000);

  it('records nothing of what could not be found out, and all that could; and ends with 4', async () => {
    const workspace = await checked({
      good: `{kind: command, ${run('true')}}`,
      gone: '{kind: command, run: [no-such-program]}',
      broke: `{kind: vulnerabilities, max: {critical: 0}, ${run('echo "{\\"matches\\": []}"; exit 2')}}`,
      torn: `{kind: vulnerabilities, max: {critical: 0}, ${run('echo "{\\"matches\\": ["')}}`,
      silent: `{kind: metrics, metrics: {AM1: {min: 1}}, ${run('true')}}`,
      elsewhere: '{kind: import, junit: "out/*.xml"}',
    });
    const { code, json } = await dmrelJson(workspace.root, ['check', '--level', 'dev'], { env: workspace.env });
    expect(code).toBe(4);
    expect(codes(json).map((each) => each.split(':')[0])).toEqual(
      expect.arrayContaining([
        'error command-missing gone of stack',
        'error check-inconclusive broke of stack',
        'error report-invalid torn of stack',
        'error check-inconclusive silent of stack',
        'error check-inconclusive elsewhere of stack',
      ]),
    );
    expect(statements(workspace).map(({ predicate }) => predicate.configuration[0].name)).toEqual(['good']);
    expect(git(workspace.root, 'status', '--porcelain', 'releases')).toBe('');
  }, 60_000);

  it('tries again as often as it may, and says so; each try begins anew', async () => {
    const flaky = 'echo x >>runs; test $(wc -l <runs) -ge 3';
    const workspace = await checked({
      flaky: `{kind: command, retries: 2, ${run(flaky)}}`,
      bad: `{kind: command, retries: 1, ${run('exit 5')}}`,
    });
    expect((await workspace.run('check', '--level', 'dev')).code).toBe(1);
    expect(predicateOf(workspace, 'flaky')).toMatchObject({ result: 'PASSED', warnedTests: ['passed at try 3'] });
    expect(predicateOf(workspace, 'bad').configuration[0].annotations.attempts).toBe('2');
  }, 60_000);

  it('keeps the last line of a failure bounded, without what a terminal would obey, and without secrets', async () => {
    const token = `ghp_${'a1B2'.repeat(9)}`;
    const workspace = await checked({
      long: `{kind: command, ${run(`printf "\\033[2J"; head -c 1500 /dev/zero | tr "\\0" x; exit 1`)}}`,
      leaky: `{kind: command, ${run('echo "token=$TOKEN"; exit 1')}}`,
    });
    await workspace.runAs({ ...workspace.env, TOKEN: token }, 'check', '--level', 'dev');
    expect(predicateOf(workspace, 'long').failedTests[0]).toMatch(/exit code 1: \\x1b\[2Jx{292}… \(\.dmrel/);
    expect(predicateOf(workspace, 'leaky').failedTests[0]).toMatch(
      /exit code 1: \(the last line has a token of GitHub: see the log\) \(\.dmrel/,
    );
    expect(JSON.stringify(statements(workspace))).not.toContain(token);
  }, 60_000);

  it('keeps a failure that later tries could not look at again', async () => {
    const measured = 'echo x >>runs; if test $(wc -l <runs) = 1; then echo "{\\"A\\": 5}"; else echo "{"; fi';
    const workspace = await checked({ drp: `{kind: metrics, metrics: {A: {max: 1}}, retries: 2, ${run(measured)}}` });
    expect((await workspace.run('check', '--level', 'dev')).code).toBe(1);
    expect(predicateOf(workspace, 'drp')).toMatchObject({ result: 'FAILED', failedTests: ['A <= 1: 5'] });
    expect(predicateOf(workspace, 'drp').configuration[0].annotations.attempts).toBe('3');
  }, 60_000);

  it('signs nothing of a program or a definition that is not committed; where nothing is signed, it goes on', async () => {
    const smoke = { smoke: '{kind: command, run: [/bin/sh, checks/smoke.sh]}' };
    const signing = await checked(smoke, { roles: { tester: ['tester-1'] } });
    signing.write('checks/smoke.sh', 'true\n');
    const refused = await signing.refused('check', '--level', 'dev');
    expect(refused).toEqual({ code: 1, problems: [expect.stringContaining('policy-uncommitted: checks/smoke.sh')] });
    signing.commit();
    await signing.done('check', '--level', 'dev');
    const bare = await checked(smoke);
    bare.write('checks/smoke.sh', 'true\n');
    await bare.done('check', '--level', 'dev');
  }, 60_000);

  it('searches all that a program prints, also what its log has no room for', async () => {
    const flood = 'head -c 9000000 /dev/zero | tr "\\0" "\\n"; echo Traceback';
    const workspace = await checked({ loud: `{kind: command, output: {refuse: [Traceback]}, ${run(flood)}}` });
    expect((await workspace.run('check', '--level', 'dev')).code).toBe(1);
    expect(predicateOf(workspace, 'loud').failedTests).toEqual(['output has nothing of /Traceback/: it has']);
  }, 60_000);

  it('runs of a level what is named, and shows before what it would do', async () => {
    const workspace = await checked(
      { a: `{kind: command, ${run('true')}}`, b: `{kind: command, ${run('true')}}` },
      { images: ['lab', 'stack'] },
    );
    const { json } = await dmrelJson(workspace.root, ['check', '--level', 'dev', '--dry-run'], { env: workspace.env });
    expect(json.steps.map(({ id }: { id: string }) => id)).toEqual([
      'check:a:lab',
      'check:a:stack',
      'check:b:lab',
      'check:b:stack',
      'commit',
    ]);
    expect(statements(workspace)).toEqual([]);
    await workspace.done('check', '--level', 'dev', '--check', 'b', '--image', 'lab', '--jobs', '1');
    expect(statements(workspace).map(({ subject }) => subject[0].name)).toEqual(['build/lab']);
    const wrong = await workspace.refused('check', '--level', 'dev', '--image', 'lba', '--check', 'c');
    expect(wrong).toEqual({
      code: 2,
      problems: ["unknown-image: no image 'lba' is meant for level dev", "usage: level dev has no check 'c'"],
    });
    expect((await workspace.run('check', '--level', 'dev', '--jobs', 'many')).code).toBe(2);
  }, 60_000);

  it('takes in a file that somebody says is about an image, unless the file says otherwise', async () => {
    const workspace = await checked({ lab: '{kind: import}' });
    const suite = (more: string) => `<testsuite><properties>${more}</properties><testcase name="n"/></testsuite>`;
    workspace.write('mine.xml', suite(''));
    workspace.write('other.xml', suite(`<property name="dmrel.digest" value="sha256:${'0'.repeat(64)}"/>`));
    const args = ['check', '--level', 'dev', '--check', 'lab', '--image', 'stack', '--import'];
    expect((await workspace.refused(...args, 'other.xml')).problems[0]).toMatch(
      /^report-invalid: lab of stack: .*other\.xml is about sha256:0+, not/,
    );
    await workspace.done(...args, 'mine.xml');
    expect(predicateOf(workspace, 'lab').passedTests).toEqual(['n']);
  }, 60_000);

  it('signs as tester and attaches to the image; without the key it runs nothing', async () => {
    const workspace = await checked(
      { smoke: `{kind: command, ${run('echo x >>runs; env | grep KEY && exit 1; true')}}` },
      { roles: { tester: ['tester-1'] } },
    );
    const { DMREL_KEY_TESTER_1: _key, ...without } = workspace.env;
    const refused = await workspace.runAs(without, 'check', '--level', 'dev');
    expect([refused.code, refused.err]).toEqual([expect.any(Number), expect.stringContaining('signer-missing')]);
    expect(existsSync(join(workspace.root, 'runs'))).toBe(false);
    await workspace.done('check', '--level', 'dev');
    const referrers = await workspace.registry('build').listReferrers('stack', workspace.digest(release));
    expect(referrers).toMatchObject({
      ok: true,
      value: [{ artifactType: expect.stringContaining('sigstore.bundle') }],
    });
    expect(await workspace.done('check', '--level', 'dev')).toContain('nothing to do');
  }, 60_000);
});

describe('a check of an image for several platforms', () => {
  it('is about the index and each of its images, so that admission may see either', async () => {
    const workspace = await checked({ shape: '{kind: structure, noSecrets: true}' });
    const build = workspace.registry('build');
    const one = workspace.digest(release);
    const { bytes } = unwrap(await build.readManifest('stack', await anIndex(build, 'stack', [one])));
    const index = JSON.parse(bytes.toString());
    index.manifests[0].platform = { os: 'linux', architecture: 'amd64' };
    const manifest = { mediaType: index.mediaType, bytes: Buffer.from(JSON.stringify(index)) };
    const digest = unwrap(await build.writeManifest('stack', manifest));
    const record = `releases/${release}/release.yaml`;
    workspace.write(record, readFileSync(join(workspace.root, record), 'utf8').replaceAll(one, digest));
    await workspace.done('check', '--level', 'dev');
    expect(
      statements(workspace)[0].subject.map((each: { digest: { sha256: string } }) => `sha256:${each.digest.sha256}`),
    ).toEqual([digest, one]);
    expect(await workspace.done('check', '--level', 'dev')).toContain('nothing to do');
  }, 60_000);
});

describe('dmrel check on Slurm', () => {
  let cluster: SlurmCluster | undefined;
  beforeAll(async () => {
    if (hasSlurm()) cluster = await startSlurm();
  }, 60_000);
  afterAll(async () => cluster?.stop());

  it('goes on when dmrel is killed; a later run collects what was handed over, and hands nothing over twice', async () => {
    if (!cluster) return;
    const script = 'echo $DMREL_DIGEST >>runs; sleep 4; echo done';
    const workspace = await checked(
      { drp: `{kind: command, runner: cluster, timeout: 2m, ${run(script)}}` },
      { images: ['lab', 'stack'], more: 'runners: {cluster: {kind: slurm, partition: batch, args: [--mem=50M]}}\n' },
    );
    const env = { ...workspace.env, SLURM_CONF: cluster.env.SLURM_CONF };
    const runs = () =>
      existsSync(join(workspace.root, 'runs'))
        ? readFileSync(join(workspace.root, 'runs'), 'utf8').trim().split('\n')
        : [];
    const killed = await dmrel(workspace.root, ['check', '--level', 'dev'], {
      env,
      during: async ({ kill }) => {
        for (let tries = 0; tries < 300 && runs().length === 0; tries++) await new Promise((go) => setTimeout(go, 100));
        kill('SIGKILL');
      },
    });
    expect([killed.code, statements(workspace)]).toEqual([null, []]);
    const looked = await dmrel(workspace.root, ['check', '--level', 'dev', '--no-wait'], { env });
    expect(looked.code).toBe(0);
    const later = await dmrel(workspace.root, ['check', '--level', 'dev'], { env });
    expect([later.code, later.err]).toEqual([0, expect.not.stringContaining('error')]);
    expect(runs().sort()).toEqual([workspace.digest(release, 'lab'), workspace.digest(release, 'stack')].sort());
    expect(
      statements(workspace).map(({ predicate }) => [predicate.result, predicate.configuration[0].annotations.runner]),
    ).toEqual([
      ['PASSED', 'cluster'],
      ['PASSED', 'cluster'],
    ]);
    expect(readdirSync(join(workspace.root, '.dmrel/jobs')).length).toBe(1);
    const submitted = await dmrel(workspace.root, ['check', '--level', 'dev', '--force', '--no-wait'], { env });
    expect([submitted.code, submitted.out]).toEqual([0, expect.stringContaining('2 jobs handed over and not ended')]);
    expect(readdirSync(join(workspace.root, '.dmrel/jobs')).length).toBe(2);
  }, 120_000);

  it('says that the cluster takes no jobs, and goes on with what needs none', async () => {
    if (!cluster) return;
    const workspace = await checked(
      {
        drp: `{kind: command, runner: cluster, ${run('true')}}`,
        here: `{kind: command, ${run('true')}}`,
      },
      { more: 'runners: {cluster: {kind: slurm, partition: nowhere}}\n' },
    );
    workspace.env.SLURM_CONF = cluster.env.SLURM_CONF;
    const { code, problems } = await workspace.refused('check', '--level', 'dev');
    expect(code).toBe(4);
    expect(problems[0]!.split(':')[0]).toBe('runner-unreachable');
    expect(problems[0]).toMatch(/cluster takes no jobs: .*partition/);
    expect(statements(workspace).length).toBe(1);
  }, 60_000);
});
