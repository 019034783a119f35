import { readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { validateWorkspace } from '../../src/validation/index.ts';
import { home } from '../support/dmrel.ts';
import { aWorkspace, brief, problemsOf } from '../support/workspace.ts';

const head = 'schema: dmrel/workspace/v1\norganization: test\n';
const withImages = (images: string, more = '') => aWorkspace().with('dmrel.yaml', `${head}${more}images:\n${images}`);
const findings = async (workspace: ReturnType<typeof aWorkspace>) => brief(problemsOf(await workspace.open()));
const imagesOf = async (workspace: ReturnType<typeof aWorkspace>) => {
  const opened = await workspace.open();
  if (!opened.ok) throw new Error(brief(opened.problems).join('\n'));
  return opened.value;
};

describe('images of a workspace', () => {
  it('stand in dmrel.yaml, in images/*.yaml, or in both', async () => {
    const workspace = withImages('  base: {context: b}\n')
      .with('images/stack.yaml', 'schema: dmrel/images/v1\nimages:\n  stack: {context: s, from: [base]}\n')
      .with('images/lab.yml', 'schema: dmrel/images/v1\nimages:\n  lab: {context: l, from: [stack]}\n')
      .with('images/stack/Dockerfile', 'FROM base\n');
    const { images, config } = await imagesOf(workspace);
    expect([...images.keys()]).toEqual(['base', 'lab', 'stack']);
    expect(images.get('lab')!.parents).toEqual({ stack: 'stack' });
    expect(config.images!.stack!.context).toBe('s');
  });

  it('are of one file each: the other is named too', async () => {
    const workspace = withImages('  base: {context: b}\n').with(
      'images/more.yaml',
      'schema: dmrel/images/v1\nimages:\n  base: {context: b}\n',
    );
    expect(await findings(workspace)).toEqual([
      "images/more.yaml:3:3 duplicate-id the image 'base' is defined in dmrel.yaml:4 already",
    ]);
  });

  it('are never passed over: a directory in place of a file is said, a link is followed', async () => {
    const file = 'schema: dmrel/images/v1\nimages:\n  base: {context: b}\n';
    const workspace = aWorkspace().with('dmrel.yaml', head).with('images/x.yaml/y', '').with('other.yaml', file);
    expect(await findings(workspace)).toEqual(['images/x.yaml not-a-file images/x.yaml is a directory']);
    rmSync(join(workspace.root, 'images/x.yaml'), { recursive: true });
    symlinkSync('../other.yaml', join(workspace.root, 'images/x.yaml'));
    expect([...(await imagesOf(workspace)).images.keys()]).toEqual(['base']);
  });

  it('have in images/*.yaml just what they have in dmrel.yaml', () => {
    const read = (name: string) => JSON.parse(readFileSync(join(home, 'schemas', `${name}.schema.json`), 'utf8'));
    const [whole, images] = [read('workspace'), read('images')];
    expect(images.properties.images).toEqual(whole.properties.images);
    for (const [name, definition] of Object.entries(images.$defs)) expect(whole.$defs[name]).toEqual(definition);
  });

  it('are found wrong in the file where they stand', async () => {
    const workspace = withImages('  base: {context: b}\n').with(
      'images/more.yaml',
      'schema: dmrel/images/v1\nimages:\n  lab:\n    context: l\n    contxt: l\n',
    );
    expect(await findings(workspace)).toEqual(["images/more.yaml:5:5 unknown-key unknown key 'contxt'"]);
  });

  it('cannot wait for each other, across files too', async () => {
    const workspace = withImages('  a: {context: a, from: [b]}\n').with(
      'images/more.yaml',
      'schema: dmrel/images/v1\nimages:\n  b: {context: b, from: [a]}\n',
    );
    expect(await findings(workspace)).toEqual([
      'dmrel.yaml:4:3 name-cycle images that wait for each other: a -> b -> a',
    ]);
  });
});

describe('a matrix of images', () => {
  const compilers =
    '  base: {context: b}\n' +
    "  stack: {context: 's/{matrix.compiler}', from: [base], matrix: {compiler: [gcc, clang]}, args: {CC: '{matrix.compiler}'}}\n";

  it('is an image for each of its values', async () => {
    const { images } = await imagesOf(withImages(compilers));
    expect([...images.keys()]).toEqual(['base', 'stack-gcc', 'stack-clang']);
    expect(images.get('stack-clang')).toMatchObject({ variant: { compiler: 'clang' }, config: { context: 's/clang' } });
  });

  it('has every combination of several keys', async () => {
    const { images } = await imagesOf(
      withImages('  s: {context: s, matrix: {compiler: [gcc, clang], python: ["3.11", "3.12"]}}\n'),
    );
    expect([...images.keys()]).toEqual(['s-gcc-3.11', 's-gcc-3.12', 's-clang-3.11', 's-clang-3.12']);
  });

  it('goes on in images built on it, value by value', async () => {
    const lab =
      '  lab: {context: l, from: [stack], matrix: {compiler: [gcc, clang]}}\n  one: {context: o, from: [stack-gcc]}\n';
    const { images } = await imagesOf(withImages(compilers + lab));
    expect(images.get('lab-clang')!.parents).toEqual({ stack: 'stack-clang' });
    expect(images.get('one')!.parents).toEqual({ 'stack-gcc': 'stack-gcc' });
  });

  it('must be told which of it an image is built on', async () => {
    expect(await findings(withImages(`${compilers}  lab: {context: l, from: [stack]}\n`))).toEqual([
      "dmrel.yaml:6:28 unknown-name 'stack' is several images, and none has the matrix values of lab",
    ]);
  });

  it('is meant whole where a check names it', async () => {
    const checks = 'checks: {c: {kind: command, run: [x], images: [stack]}}\n';
    const { config } = await imagesOf(withImages(compilers, checks));
    expect(config.checks!.c!.images).toEqual(['stack-gcc', 'stack-clang']);
  });
});

describe('variables of arguments and tags', () => {
  it('are those of the release, its products, the parents and the matrix', async () => {
    const workspace = withImages(
      '  base: {context: b}\n' +
        "  stack: {context: s, from: [base], products: [afw], tags: ['7-stack-{release.eups}', '{release.lab}_rsp{build.number}'],\n" +
        "    args: {A: '{release}{release.date}', B: '{product.afw.commit}', C: '{parent.base.digest}', D: '{{x}}', E: '{image}'}}\n",
    );
    expect(await findings(workspace)).toEqual([]);
  });

  it.each([
    ['{relaese}', "there is no variable '{relaese}'", "did you mean 'release'?"],
    ['{release.eusp}', "there is no variable '{release.eusp}'", "did you mean 'release.eups'?"],
    ['{product.meas_bse.commit}', "there is no variable '{product.meas_bse.commit}'", "did you mean 'meas_base'?"],
    ['{product.afw.comit}', "there is no variable '{product.afw.comit}'", "did you mean 'commit'?"],
    ['{parent.bases.digest}', "there is no variable '{parent.bases.digest}'", "did you mean 'base'?"],
    ['{matrix.x}', "there is no variable '{matrix.x}'", 'its matrix has no keys'],
  ])('that are none are found where they stand: %s', async (text, message, hint) => {
    const workspace = withImages(
      `  base: {context: b}\n  stack:\n    context: s\n    from: [base]\n    products: [afw, meas_base]\n    args:\n      A: '${text}'\n`,
    );
    const [problem] = problemsOf(await workspace.open());
    expect(problem).toMatchObject({
      code: 'unknown-name',
      message,
      hint,
      at: { file: 'dmrel.yaml', line: 10, column: 10 },
    });
  });

  it('cannot make a tag of what is none', async () => {
    expect(await findings(withImages("  a: {context: 'x', tags: ['{release} x', '{release}_{{']}\n"))).toEqual([
      "dmrel.yaml:4:28 wrong-value '{release} x' is no tag",
      "dmrel.yaml:4:43 wrong-value '{release}_{{' is no tag",
    ]);
  });

  it('need braces that close, and stand in paths only for a matrix', async () => {
    expect(await findings(withImages("  a: {context: 'x', tags: ['{release']}\n"))).toEqual([
      "dmrel.yaml:4:28 wrong-value a '{' alone",
    ]);
    expect(await findings(withImages("  a: {context: 'x/{release}'}\n"))).toEqual([
      "dmrel.yaml:4:16 unknown-name '{release}' cannot stand here",
    ]);
  });
});

describe('secrets of images', () => {
  it('are warned of as arguments, and keep nothing from being read', async () => {
    const workspace = withImages('  a:\n    context: x\n    args: {GITHUB_TOKEN: abc, TOKENIZER: fast}\n');
    expect((await workspace.open()).ok).toBe(true);
    const { problems } = await validateWorkspace(workspace.root, {});
    expect(problems).toMatchObject([
      { code: 'secret-argument', severity: 'warning', at: { file: 'dmrel.yaml', line: 6, column: 12 } },
    ]);
    expect(JSON.stringify(problems)).not.toContain('abc');
  });

  it('are warned of in the address of an argument, too', async () => {
    const workspace = withImages(
      '  a:\n    context: x\n    args: {INDEX: "https://u:abc@example.org/x", PLAIN: "https://u@x.org/a:b@c"}\n',
    );
    const { problems } = await validateWorkspace(workspace.root, {});
    expect(problems).toMatchObject([
      { code: 'secret-argument', message: "the argument 'INDEX' of a looks like a secret" },
    ]);
  });

  it('come from a variable or from a file, never from both', async () => {
    expect(await findings(withImages('  a: {context: x, secrets: {t: {env: T}, n: {file: ~/.netrc}}}\n'))).toEqual([]);
    expect(await findings(withImages('  a: {context: x, secrets: {t: {env: T, file: f}}}\n'))).toHaveLength(1);
  });
});
