import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { assemble, contextDigest } from '../../src/building/assemble/index.ts';
import { packLayer } from '../../src/building/assemble/layer.ts';
import type { BuildParents, BuildRequest } from '../../src/building/engine.ts';
import { listImageFiles, openLayout, readImage } from '../../src/registry/index.ts';
import { type Problem, run, unwrap } from '../../src/support/index.ts';
import { counterpart } from '../support/counterparts.ts';

const made: string[] = [];
afterEach(async () => {
  await Promise.all(made.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
});

async function aFolder(files: Record<string, string> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dmrel-assemble-'));
  made.push(folder);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

function aRequest(context: string, text: string, changes: Partial<BuildRequest> = {}): BuildRequest {
  const dockerfile = { file: 'images/stack/Dockerfile', text };
  const rest = {
    name: 'stack',
    args: {},
    from: [],
    extraFiles: {},
    labels: {},
    created: 1_525_000_000,
    platform: 'linux/amd64',
  };
  return { ...rest, context, dockerfile, ...changes };
}

async function build(
  files: Record<string, string> | string,
  text: string,
  changes: Partial<BuildRequest> = {},
  parents: BuildParents = {},
) {
  const context = typeof files === 'string' ? files : await aFolder(files);
  const folder = await aFolder();
  const destination = { registry: openLayout(folder), repository: 'stack' };
  return { folder, destination, result: await assemble(aRequest(context, text, changes), parents, destination) };
}

async function filesOf(built: Awaited<ReturnType<typeof build>>) {
  const { digest } = unwrap(built.result);
  return unwrap(await listImageFiles(built.destination.registry, 'stack', digest));
}

async function configOf(built: Awaited<ReturnType<typeof build>>) {
  const { digest } = unwrap(built.result);
  const image = unwrap(await readImage(built.destination.registry, 'stack', digest));
  return (image.config as { config: Record<string, unknown> }).config;
}

const problemsOf = (built: Awaited<ReturnType<typeof build>>): Problem[] =>
  built.result.ok ? [] : built.result.problems;

describe('building an image without a daemon', () => {
  it('gives the same digest in another directory, at another time, under another umask', async () => {
    const files = { 'a/run.sh': 'echo', 'a/data': 'x'.repeat(700_000), 'z.txt': 'z', 'a/é': 'name' };
    const [one, two] = [await aFolder(files), await aFolder(files)];
    for (const folder of [one, two]) await chmod(join(folder, 'a/run.sh'), folder === one ? 0o755 : 0o700);
    await chmod(join(two, 'z.txt'), 0o600);
    await chmod(join(two, 'a'), 0o700);
    await utimes(join(two, 'a/data'), 1, 1);
    const text = 'FROM scratch\nWORKDIR /opt/app\nCOPY . .\nENV B=1 A=2\nLABEL z=1 a=2\n';
    const results = await Promise.all([build(one, text), build(two, text)]);
    expect(unwrap(results[0]!.result)).toEqual(unwrap(results[1]!.result));
    expect(unwrap(await contextDigest(one, {}))).toBe(unwrap(await contextDigest(two, {})));
    const files1 = await filesOf(results[0]!);
    expect(files1.get('/opt/app/a/run.sh')?.mode).toBe(0o755);
    expect(files1.get('/opt/app/z.txt')).toMatchObject({ mode: 0o644, size: 1 });
    expect(files1.get('/opt/app/a/data')?.size).toBe(700_000);
    expect(files1.has('/opt/app/a/é')).toBe(true);
  });

  it('gives another digest when a file, its executable bit or the context differs', async () => {
    const folder = await aFolder({ a: '1' });
    const digests = [unwrap(await contextDigest(folder, {}))];
    await chmod(join(folder, 'a'), 0o755);
    digests.push(unwrap(await contextDigest(folder, {})));
    await writeFile(join(folder, 'a'), '2');
    digests.push(unwrap(await contextDigest(folder, {})), unwrap(await contextDigest(folder, { b: Buffer.from('') })));
    expect(new Set(digests).size).toBe(4);
  });

  it('sets what the Dockerfile says, with variables put in', async () => {
    const text = [
      'ARG BASE=scratch',
      'FROM ${BASE} AS only',
      'ARG V=1',
      'ENV A="x y" B=$V C=${NO:-d} D=${A:+set} E=\'$V\' OLD=\\$V',
      'ENV LEGACY one  two',
      'LABEL v=$V \\',
      '  # a comment between',
      '  other="a \\"b\\""',
      'USER 1000:1000',
      'WORKDIR /w',
      'WORKDIR sub',
      'EXPOSE 80 53/udp',
      'VOLUME ["/data", "/b c"]',
      'STOPSIGNAL SIGINT',
      'ENTRYPOINT ["/run", "$V"]',
      'CMD echo $V   "x"',
    ].join('\n');
    const config = await configOf(await build({}, text, { args: { V: '7' }, labels: { given: 'yes', v: 'wins' } }));
    expect(config).toMatchObject({
      Env: [expect.stringMatching(/^PATH=/), 'A=x y', 'B=7', 'C=d', 'D=', 'E=$V', 'OLD=$V', 'LEGACY=one  two'],
      Labels: { v: 'wins', other: 'a "b"', given: 'yes' },
      User: '1000:1000',
      WorkingDir: '/w/sub',
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      Volumes: { '/data': {}, '/b c': {} },
      StopSignal: 'SIGINT',
      Entrypoint: ['/run', '$V'],
      Cmd: ['/bin/sh', '-c', 'echo $V   "x"'],
    });
  });

  it('copies files, the contents of directories and what wildcards name', async () => {
    const files = { 'a.txt': '1', 'b.txt': '2', 'c.md': '3', 'dir/sub/f': '4', 'with space': '5' };
    const text = [
      'FROM scratch',
      'COPY a.txt /renamed',
      'COPY *.txt /texts/',
      'COPY [bc].* /some/',
      'COPY dir /opt/dir',
      'COPY --chown=5:6 --chmod=0700 a.txt /owned/',
      'COPY ["with space", "/spaced/"]',
      'ADD c.md /added/',
    ].join('\n');
    const built = await build(files, text);
    const found = await filesOf(built);
    const paths = [
      '/renamed',
      '/texts/a.txt',
      '/texts/b.txt',
      '/some/b.txt',
      '/some/c.md',
      '/opt/dir/sub/f',
      '/owned/a.txt',
      '/spaced/with space',
      '/added/c.md',
    ];
    expect(
      [...found]
        .filter(([, { type }]) => type === 'file')
        .map(([path]) => path)
        .sort(),
    ).toEqual(paths.sort());
    expect(found.get('/owned/a.txt')?.mode).toBe(0o700);
    expect(found.get('/owned')?.mode).toBe(0o755);
  });

  it('builds on an image of the workspace, and leaves its directories as they are', async () => {
    const parent = await build(
      { f: '1' },
      'FROM scratch\nCOPY --chmod=1777 . /tmp2/\nENV A=1\nCMD ["x"]\nLABEL from=parent',
    );
    const { digest } = unwrap(parent.result);
    const parents = { base: { ...parent.destination, digest } };
    const text = 'FROM base\nCOPY g /tmp2/\nENV PATH=/opt:$PATH\nENTRYPOINT ["y"]';
    const child = await build({ g: '2' }, text, {}, parents);
    const { layers } = unwrap(child.result);
    expect(layers).toHaveLength(2);
    const found = await filesOf(child);
    expect([...found.keys()].filter((path) => path.startsWith('/tmp2/')).sort()).toEqual(['/tmp2/f', '/tmp2/g']);
    const config = await configOf(child);
    expect(config.Env).toEqual([expect.stringMatching(/^PATH=\/opt:\/usr/), 'A=1']);
    expect(config.Cmd).toBeUndefined();
    expect(config.Labels).toEqual({ from: 'parent' });
  });

  it('writes through links of the parent, as buildah does, and never over one that leads to a directory', async () => {
    const base = await aFolder({ 'usr/lib/a': '1', 'opt/b': '2', f: '3' });
    const links = { lib: 'usr/lib', abs: '/opt', up: '../../../usr', l: 'f', gone: 'nowhere', one: 'two', two: 'one' };
    for (const [name, target] of Object.entries(links)) await symlink(target, join(base, name));
    const parent = await build(base, 'FROM scratch\nCOPY . /\n');
    const parents = { base: { ...parent.destination, digest: unwrap(parent.result).digest } };
    const context = await aFolder({ x: '1', 'tree/t': '2' });
    const added = async (line: string): Promise<string[]> => {
      const child = await build(context, `FROM base\n${line}\n`, {}, parents);
      const found = await filesOf(child);
      for (const [name, target] of Object.entries(links))
        if (line !== 'COPY x /l' || name !== 'l') expect(found.get(`/${name}`)?.target).toBe(target);
      const before = await filesOf(parent);
      return [...found].filter(([path, { type }]) => before.get(path)?.type !== type).map(([path]) => path);
    };
    expect(await added('COPY x /lib')).toEqual(['/usr/lib/x']);
    expect(await added('COPY x /lib/y')).toEqual(['/usr/lib/y']);
    expect(await added('COPY x /abs/')).toEqual(['/opt/x']);
    expect(await added('COPY x /up/')).toEqual(['/usr/x']);
    expect(await added('COPY tree /lib')).toEqual(['/usr/lib/t']);
    expect(await added('COPY x /gone/')).toEqual(['/nowhere', '/nowhere/x']);
    expect(await added('WORKDIR /lib/w')).toEqual(['/usr/lib/w']);
    expect(await added('COPY x /l')).toEqual(['/l']);
    expect(problemsOf(await build(context, 'FROM base\nCOPY x /one/\n', {}, parents))).toMatchObject([
      { code: 'context-invalid', message: "the links at '/one' lead round" },
    ]);
  });

  it('names the parents it may build on when FROM names another', async () => {
    const built = await build({}, 'FROM debian:12\n', {}, {});
    expect(problemsOf(built)).toMatchObject([
      { code: 'unknown-name', at: { file: 'images/stack/Dockerfile', line: 1, column: 6 } },
    ]);
  });

  it('honours .dockerignore as docker does, exceptions below ignored directories included', async () => {
    const files = {
      '.dockerignore': '# comment\nbuild\n*.log\n**/*.tmp\n!build/keep\n/docs/\n',
      'build/keep': '1',
      'build/drop': '2',
      'a.log': '3',
      'sub/a.log': '4',
      'sub/x.tmp': '5',
      'docs/d': '6',
      'sub/build': '7',
    };
    const found = await filesOf(await build(files, 'FROM scratch\nCOPY . /c/'));
    const names = [...found].filter(([, { type }]) => type === 'file').map(([path]) => path.slice(3));
    expect(names.sort()).toEqual(['.dockerignore', 'build/keep', 'sub/a.log', 'sub/build']);
  });

  it('copies links as links and never what lies outside the context', async () => {
    const outside = await aFolder({ secret: 'top' });
    const context = await aFolder({ 'real/f': '1' });
    await symlink(outside, join(context, 'out'));
    await symlink('../../../../../../etc/passwd', join(context, 'up'));
    await symlink('real', join(context, 'in'));
    const found = await filesOf(
      await build(context, 'FROM scratch\nCOPY . /all/\nCOPY in /in\n COPY up /up\nCOPY out /out'),
    );
    for (const link of ['/all/out', '/all/up', '/all/in', '/up', '/out']) expect(found.get(link)?.type).toMatch(/link/);
    expect(found.get('/in/f')?.type).toBe('file');
    expect([...found.keys()].some((path) => path.includes('secret'))).toBe(false);
    for (const source of ['out/secret', '../x', 'real/../../x', 'out/*']) {
      expect(problemsOf(await build(context, `FROM scratch\nCOPY ${source} /x/`))).toMatchObject([
        { code: 'context-invalid', at: { line: 2, column: 6 } },
      ]);
    }
  });

  it('calls what it finds through a link after the link', async () => {
    const context = await aFolder({ 'lib/libfoo.so.1.2': '12', 'd/e/f': '1' });
    await symlink('libfoo.so.1.2', join(context, 'lib/libfoo.so.1'));
    await symlink('libfoo.so.1', join(context, 'lib/libfoo.so'));
    await symlink('d/e', join(context, 'to'));
    const text = 'FROM scratch\nCOPY lib/* /usr/lib/\nCOPY lib/libfoo.so to/f /o/\nCOPY lib/libfoo.s[o] /p/';
    const found = [...(await filesOf(await build(context, text)))].filter(([, { type }]) => type === 'file');
    expect(found.map(([path, { size }]) => `${path} ${size}`)).toEqual([
      '/usr/lib/libfoo.so 2',
      '/usr/lib/libfoo.so.1 2',
      '/usr/lib/libfoo.so.1.2 2',
      '/o/f 1',
      '/o/libfoo.so 2',
      '/p/libfoo.so 2',
    ]);
  });

  it('lays extra files over the context, and refuses to hide a real one', async () => {
    const extra = { extraFiles: { 'meta/release.json': Buffer.from('{}') } };
    const found = await filesOf(await build({ a: '1' }, 'FROM scratch\nCOPY meta/release.json /', extra));
    expect(found.get('/release.json')).toMatchObject({ size: 2, mode: 0o644 });
    const hidden = await build({ 'meta/release.json': 'x', '.dockerignore': 'meta' }, 'FROM scratch\nCOPY . /', extra);
    expect(problemsOf(hidden)).toMatchObject([{ code: 'context-invalid', subject: 'meta/release.json' }]);
    const outside = await build({}, 'FROM scratch', { extraFiles: { '../x': Buffer.from('') } });
    expect(problemsOf(outside)).toMatchObject([{ code: 'context-invalid' }]);
  });

  it('says which name in a context is no UTF-8, unless it is ignored', async () => {
    const context = await aFolder({ 'd/f': '1' });
    await writeFile(Buffer.concat([Buffer.from(join(context, 'd/caf')), Buffer.from([0xe9])]), '');
    const text = 'FROM scratch\nCOPY . /';
    expect(problemsOf(await build(context, text))).toMatchObject([
      { code: 'context-invalid', message: expect.stringMatching(/^the name of .*d\/caf\ufffd is no UTF-8$/) },
    ]);
    await writeFile(join(context, '.dockerignore'), 'd/caf*\n');
    expect([...(await filesOf(await build(context, text))).keys()]).toContain('/d/f');
  });

  it('makes no layer and no image where there is a problem', async () => {
    const built = await build(
      { a: '1' },
      'FROM scratch\nCOPY a /a\nCOPY missing /b\nCOPY --chown=me a /c\nADD x.tar.gz /d\nEXPOSE web',
    );
    expect(
      problemsOf(built)
        .map(({ at }) => at?.line)
        .sort(),
    ).toEqual([3, 4, 5, 6]);
    expect(await built.destination.registry.listTags('stack')).toEqual([]);
  });

  it('says so when a file changes while it is read, longer, shorter or gone', async () => {
    const folder = await aFolder({ f: 'x'.repeat(1000) });
    for (const [size, name] of [
      [999, 'f'],
      [1001, 'f'],
      [5, 'gone'],
      [900_000, 'f'],
    ] as const) {
      const entry = { type: 'file' as const, size, executable: false, source: join(folder, name) };
      const layer = new Map([['/f', { type: 'file' as const, path: 'f', entry, uid: 0, gid: 0, mode: 0o644 }]]);
      const written = await openLayout(await aFolder()).writeBlob('stack', packLayer(layer, 0));
      expect(written).toMatchObject({
        ok: false,
        problems: [{ code: 'context-invalid', message: 'f changed while it was read' }],
      });
    }
  });

  it('makes no image of a context that is another than was decided on', async () => {
    const context = await aFolder({ f: 'one' });
    const planned = unwrap(await contextDigest(context, {}));
    const text = 'FROM scratch\nCOPY f /f\n';
    expect(problemsOf(await build(context, text, { contextDigest: planned }))).toEqual([]);
    await writeFile(join(context, 'f'), 'two');
    const edited = await build(context, text, { contextDigest: planned });
    expect(problemsOf(edited)).toMatchObject([
      {
        code: 'context-invalid',
        hint: 'run the same command again',
        message: expect.stringContaining('changed since'),
      },
    ]);
  });

  it('makes images that skopeo reads and copies with the same digest', async () => {
    if (!counterpart('skopeo')) return;
    const built = await build({ 'a/b': '1' }, 'FROM scratch\nCOPY a /opt/a\nLABEL x=y', { annotations: { note: 'n' } });
    const { digest } = unwrap(built.result);
    unwrap(await built.destination.registry.tag('stack', 'w_2018_18', digest));
    const inspected = await run('skopeo', ['inspect', `oci:${built.folder}/stack:w_2018_18`]);
    expect(inspected.stderr).toBe('');
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      Digest: digest,
      Labels: { x: 'y' },
      Os: 'linux',
      Architecture: 'amd64',
    });
    const copy = await aFolder();
    const copied = await run('skopeo', [
      'copy',
      '--insecure-policy',
      '--preserve-digests',
      `oci:${built.folder}/stack:w_2018_18`,
      `oci:${copy}/other:t`,
    ]);
    expect(copied).toMatchObject({ exitCode: 0 });
    expect(await openLayout(copy).resolve('other', 't')).toBe(digest);
  });
});
