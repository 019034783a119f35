import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { journalLines } from '../support/journals.ts';
import { git, imageConfig, type ReleaseWorkspace, withImage } from '../support/release-workspace.ts';
import { moments } from '../support/sample.ts';

const tag = 'w.2018.18';
const steps = {
  tag: ['tag', 'weekly', '--date', '2018-05-03'],
  build: ['build'],
  checkDev: ['check', '--level', 'dev'],
  dev: ['promote', '--level', 'dev'],
  checkBatch: ['check', '--level', 'batch'],
  batch: ['promote', '--level', 'batch'],
};

async function upTo(workspace: ReleaseWorkspace, last: keyof typeof steps): Promise<void> {
  for (const [name, args] of Object.entries(steps)) {
    const { code, err } = await dmrel(workspace.root, args);
    if (code !== 0) throw new Error(`${name}: ${err}`);
    if (name === last) return;
  }
}

const digestAt = (workspace: ReleaseWorkspace, registry: string, name: string): string | undefined => {
  const file = join(workspace.root, `.dmrel/registry/${registry}/stack/index.json`);
  if (!existsSync(file)) return undefined;
  const index = JSON.parse(readFileSync(file, 'utf8'));
  return index.manifests.find(
    (each: { annotations: Record<string, string> }) => each.annotations['org.opencontainers.image.ref.name'] === name,
  )?.digest;
};

const reasons = (json: { problems: { code: string; message: string }[] }) =>
  json.problems.map(({ code, message }) => `${code}: ${message}`);

describe('dmrel build', () => {
  it('makes the same digest from the same release anywhere, and nothing when nothing changed', async () => {
    const workspace = withImage();
    await upTo(workspace, 'build');
    const digest = parse(workspace.read(`releases/${tag}/release.yaml`)).images.stack.digest;
    expect(digestAt(workspace, 'build', tag)).toBe(digest);
    const again = await dmrel(workspace.root, steps.build);
    expect(again.out).toBe(`${tag}: nothing to do; 1 image built and unchanged\n`);
    rmSync(join(workspace.root, '.dmrel/registry'), { recursive: true });
    await dmrel(workspace.root, steps.build);
    expect(digestAt(workspace, 'build', tag)).toBe(digest);
  });

  it('builds again what changed', async () => {
    const workspace = withImage();
    await upTo(workspace, 'build');
    const before = digestAt(workspace, 'build', tag);
    workspace.write('images/stack/stack', 'another stack\n');
    const { json } = await dmrelJson(workspace.root, [...steps.build, '--dry-run']);
    expect(json.steps[0]).toMatchObject({ id: 'build:stack', action: 'create', from: before });
    expect((await dmrel(workspace.root, steps.build)).code).toBe(0);
    expect(digestAt(workspace, 'build', tag)).not.toBe(before);
  });

  it('leaves an image that was promoted as it is, unless somebody says so', async () => {
    const workspace = withImage();
    await upTo(workspace, 'dev');
    const before = digestAt(workspace, 'build', tag);
    workspace.write('images/stack/stack', 'another stack\n');
    const refused = await dmrelJson(workspace.root, steps.build);
    expect([refused.code, refused.json.problems]).toMatchObject([
      1,
      [
        { code: 'release-in-use', subject: 'stack', message: expect.stringContaining('was promoted to dev') },
        { code: 'context-invalid', severity: 'warning' }, // what was edited is in no commit
      ],
    ]);
    expect(digestAt(workspace, 'build', tag)).toBe(before);
    expect((await dmrel(workspace.root, [...steps.build, '--yes'])).code).toBe(0);
    expect(digestAt(workspace, 'build', tag)).not.toBe(before);
  });

  it('says where a Dockerfile asks for what the engine cannot do', async () => {
    const workspace = withImage();
    workspace.write('images/stack/Dockerfile', 'FROM scratch\nRUN make\n');
    await dmrel(workspace.root, steps.tag);
    const { code, json } = await dmrelJson(workspace.root, [...steps.build, '--engine', 'assemble']);
    expect(code).toBe(3);
    expect(json.problems[0]).toMatchObject({
      code: 'dockerfile-unsupported',
      at: { file: 'images/stack/Dockerfile', line: 2, column: 1 },
    });
  });
});

describe('dmrel promote', () => {
  it('refuses with every reason, and writes nothing, until the gate is met', async () => {
    const workspace = withImage();
    await upTo(workspace, 'build');
    const before = workspace.state();
    const { code, json } = await dmrelJson(workspace.root, [...steps.batch, '--release', tag]);
    expect(code).toBe(1);
    expect(reasons(json)).toEqual([
      `gate-denied: ${tag} may not go to batch: ${tag} does not stand at dev`,
      `gate-denied: ${tag} may not go to batch: structure was not run on stack`,
      `gate-denied: ${tag} may not go to batch: smoke was not run on stack`,
    ]);
    expect(workspace.state()).toBe(before);
    expect(existsSync(join(workspace.root, '.dmrel/registry/batch'))).toBe(false);
  });

  it('copies by digest, tags last, and records it in the release and the level', async () => {
    const workspace = withImage();
    await upTo(workspace, 'batch');
    const record = parse(workspace.read(`releases/${tag}/release.yaml`));
    const { digest } = record.images.stack;
    for (const level of ['dev', 'batch']) {
      expect(digestAt(workspace, level, tag)).toBe(digest);
      expect(digestAt(workspace, level, level)).toBe(digest);
      const { current } = parse(workspace.read(`levels/${level}.yaml`));
      expect(current).toEqual([
        {
          release: tag,
          since: expect.any(String),
          images: { stack: `layout:.dmrel/registry/${level}:stack@${digest}` },
        },
      ]);
    }
    expect(record.promotions.map(({ level, images }: { level: string; images: object }) => [level, images])).toEqual([
      ['dev', { stack: digest }],
      ['batch', { stack: digest }],
    ]);
    expect(git(workspace.root, 'log', '-1', '--format=%s%n%(trailers:key=Dmrel-Level,valueonly)').trim()).toBe(
      `Promote ${tag} to batch\nbatch`,
    );
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
    const again = await dmrel(workspace.root, steps.batch);
    expect([again.code, again.out]).toEqual([0, `${tag}: nothing to do; it stands at batch already\n`]);
  });

  it('does not let an image up whose check failed, also when it had passed before', async () => {
    const workspace = withImage();
    await upTo(workspace, 'dev');
    expect((await dmrel(workspace.root, steps.checkBatch)).code).toBe(0);
    // The same check, run again, fails: its definition is the same, what it finds is not.
    writeFileSync(join(workspace.root, 'smoke.mjs'), 'console.log("smoke!"); process.exit(3);\n');
    workspace.commitAll();
    await new Promise((resolve) => setTimeout(resolve, 1100)); // results are told apart by the second
    const failed = await dmrel(workspace.root, [...steps.checkBatch, '--force']);
    expect(failed.code).toBe(1);
    expect(failed.err).toContain('smoke failed on stack: node smoke.mjs exits 0: exit code 3: smoke!');
    const { code, json } = await dmrelJson(workspace.root, steps.batch);
    expect(code).toBe(1);
    expect(reasons(json)).toEqual([expect.stringContaining('smoke failed on stack')]);
  });

  it('does not count a result of a check that was changed since', async () => {
    const workspace = withImage();
    await upTo(workspace, 'checkBatch');
    workspace.write(
      'dmrel.yaml',
      workspace.read('dmrel.yaml').replace('run: [node, smoke.mjs]', 'run: [node, smoke.mjs, --more]'),
    );
    workspace.commitAll();
    const { code, json } = await dmrelJson(workspace.root, steps.batch);
    expect([code, reasons(json)]).toEqual([1, [expect.stringContaining('smoke was changed after it was run')]]);
  });

  it('does not count evidence that was changed after it was written', async () => {
    const workspace = withImage();
    await upTo(workspace, 'checkBatch');
    const folder = join(workspace.root, `releases/${tag}/evidence`);
    // Statements about the build stand beside those of checks.
    const name = readdirSync(folder).find((each) => readFileSync(join(folder, each), 'utf8').includes('PASSED'));
    writeFileSync(join(folder, name!), readFileSync(join(folder, name!), 'utf8').replace('PASSED', 'FAILED'));
    const { code, json } = await dmrelJson(workspace.root, steps.batch);
    const file = `releases/${tag}/evidence/${name}`;
    expect([code, reasons(json)]).toEqual([
      1,
      expect.arrayContaining([expect.stringContaining(`${file} was changed after it was written`)]),
    ]);
    expect(json.problems[0].code).toBe('gate-denied');
  });

  it('does not go by evidence that was taken out without a commit', async () => {
    const workspace = withImage();
    await upTo(workspace, 'checkBatch');
    const folder = join(workspace.root, `releases/${tag}/evidence`);
    const name = readdirSync(folder).find((each) => readFileSync(join(folder, each), 'utf8').includes('PASSED'))!;
    rmSync(join(folder, name));
    const { code, json } = await dmrelJson(workspace.root, steps.batch);
    expect([code, reasons(json)]).toEqual([
      1,
      expect.arrayContaining([expect.stringContaining(`${name} is not as it was committed`)]),
    ]);
  });

  it('waits as long as a level asks, and says until when', async () => {
    const workspace = withImage(2, imageConfig.replace('after: [dev]', 'after: [dev], soak: 48h'));
    await upTo(workspace, 'checkBatch');
    const { code, json } = await dmrelJson(workspace.root, steps.batch);
    expect([code, json.problems[0].code]).toEqual([1, 'gate-deferred']);
    expect(json.problems[0].message).toMatch(/has stood at dev for \d+s? ?\d*s? of 48h/);
    expect(json.details.decision.verdict).toBe('defer');
  });

  it('chooses the newest release that stands at the level before, and says which', async () => {
    const workspace = withImage();
    await upTo(workspace, 'checkBatch');
    const { err } = await dmrel(workspace.root, [...steps.batch, '--dry-run']);
    expect(err).toBe(`${tag}: the newest release that stands at dev\n`);
  });

  it('finishes a promotion that was killed anywhere, and never tags what is not whole', async () => {
    const template = withImage(1);
    await upTo(template, 'checkBatch');
    const whole = template.copy();
    const before = journalLines(whole.root).length;
    expect((await dmrel(whole.root, steps.batch)).code).toBe(0);
    const lines = journalLines(whole.root).length - before;
    expect(lines).toBeGreaterThan(6);
    for (const line of moments([...Array(lines).keys()])) {
      const workspace = template.copy();
      const ended = await dmrel(workspace.root, steps.batch, { dieAt: { line: line + 1 } });
      expect([line, ended.code]).toEqual([line, null]);
      const { digest } = parse(workspace.read(`releases/${tag}/release.yaml`)).images.stack;
      for (const name of [tag, 'batch']) expect([undefined, digest]).toContain(digestAt(workspace, 'batch', name));
      const { code, err } = await dmrel(workspace.root, steps.batch);
      expect({ line, code, err: code === 0 ? '' : err }).toEqual({ line, code: 0, err: '' });
      expect(parse(workspace.read('levels/batch.yaml')).current).toHaveLength(1);
      expect(parse(workspace.read(`releases/${tag}/release.yaml`)).promotions).toHaveLength(2);
      expect(git(workspace.root, 'status', '--porcelain')).toBe('');
    }
  }, 240_000);
});
