import { describe, expect, it } from '@jest/globals';
import { groupsOf, judgeGroups, readGroups } from '../../src/products/index.ts';
import { exitCodeOf, unwrap } from '../../src/support/index.ts';
import { validateWorkspace } from '../../src/validation/index.ts';
import { aWorkspace, brief, problemsOf } from '../support/workspace.ts';

const products = ['afw', 'boost', 'docs', 'secret', 'utils'];
const config = (section: string): string =>
  `schema: dmrel/workspace/v1\norganization: test\nproducts:\n  index: repos.yaml\n${section}`;
const groupsFile = 'schema: dmrel/groups/v1\ngroups:\n  external: [boost]\n  auxiliary: [docs]\n  dm: [afw, utils]\n';

function aWorkspaceWith(section: string, file?: string) {
  const index = products.map((name) => `${name}: https://host/${name}.git\n`).join('');
  const workspace = aWorkspace().with('dmrel.yaml', config(section)).with('repos.yaml', index);
  return file === undefined ? workspace : workspace.with('products/groups.yaml', file);
}
const read = async (section: string, file?: string) =>
  readGroups(unwrap(await aWorkspaceWith(section, file).open()), products);
const findings = async (section: string, file?: string) => brief(problemsOf(await read(section, file)));
const everything = async (section: string, file?: string) => {
  const { problems } = await validateWorkspace(aWorkspaceWith(section, file).root, {});
  return brief(problems);
};

describe('groups of products', () => {
  it.each([
    [
      'in dmrel.yaml',
      '  groups: { external: [boost], auxiliary: [docs], dm: [afw, utils, boost], deny: [secret] }\n',
      '',
    ],
    [
      'in a file of their own',
      '  groups: products/groups.yaml\n',
      `${groupsFile.replace('utils]', 'utils, boost]')}  deny: [secret]\n`,
    ],
  ])('may stand %s', async (_where, section, file) => {
    const groups = unwrap(await read(section, file || undefined));
    expect([...groups.external, ...groups.auxiliary, ...groups.deny]).toEqual(['boost', 'docs', 'secret']);
    expect(products.map((name) => [...groups.of(name)])).toEqual([
      ['dm'],
      ['external', 'dm'],
      ['auxiliary'],
      ['deny'],
      ['dm'],
    ]);
    expect([...groups.of('constructor'), ...groups.of('nobody')]).toEqual([]);
    expect(await everything(section, file || undefined)).toEqual([]);
  });

  it('need not be there', async () => {
    for (const section of ['', '  groups: {}\n']) {
      const groups = unwrap(await read(section));
      expect([groups.external.size, groups.auxiliary.size, groups.deny.size, groups.of('afw').size]).toEqual([
        0, 0, 0, 0,
      ]);
    }
  });

  it('have only products of the index: others are told where they stand, also by validate', async () => {
    const inline = '  groups: { external: [bosst], dm: [afw, zzzzzzzz] }\n  allow: [dn]\n';
    const wanted = [
      "dmrel.yaml:5:24 unknown-product there is no product 'bosst'",
      "dmrel.yaml:5:42 unknown-product there is no product 'zzzzzzzz'",
      "dmrel.yaml:6:11 unknown-name there is no group 'dn'",
    ];
    expect(await findings(inline)).toEqual(wanted);
    expect(await everything(inline)).toEqual(wanted);
    expect(problemsOf(await read(inline)).map(({ hint }) => hint)).toEqual([
      "did you mean 'boost'?",
      'add it to repos.yaml',
      "did you mean 'dm'?",
    ]);
    const section = '  groups: products/groups.yaml\n  allow: [dm, external]\n';
    const file = groupsFile.replace('utils]', 'utilz]');
    expect(await findings(section, file)).toEqual([
      "products/groups.yaml:5:13 unknown-product there is no product 'utilz'",
    ]);
    expect(await everything(section, file)).toEqual(await findings(section, file));
  });

  it('in a file are read as strictly as any', async () => {
    const section = '  groups: products/groups.yaml\n';
    expect(await findings(section)).toEqual([
      'products/groups.yaml file-not-found products/groups.yaml does not exist',
    ]);
    expect(await findings(section, groupsFile.replace('v1', 'v2'))).toEqual([
      "products/groups.yaml:1:9 unknown-schema unknown schema 'dmrel/groups/v2'",
    ]);
    expect(await findings(section, `${groupsFile}extra: 1\n`)).toEqual([
      "products/groups.yaml:6:1 unknown-key unknown key 'extra'",
    ]);
    expect(
      await findings(section, 'schema: dmrel/groups/v1\ngroups: { Bad name: [afw], dm: [-x], twice: [afw, afw] }\n'),
    ).toHaveLength(3);
    expect(await findings('  groups: ../groups.yaml\n')).toEqual([
      "dmrel.yaml:5:11 unsafe-path '../groups.yaml' leads out of the workspace",
    ]);
  });

  it('that allow names are defined somewhere', async () => {
    expect(await findings('  allow: [dm]\n')).toEqual(["dmrel.yaml:5:11 unknown-name there is no group 'dm'"]);
    expect(await findings('  groups: { dm: [afw] }\n  allow: [constructor]\n')).toHaveLength(1);
  });
});

describe('products that are to be tagged', () => {
  const groups = groupsOf({ dm: ['afw', 'secret'], external: ['boost'], auxiliary: ['docs'], deny: ['secret'] });
  const judge = (names: string[], allow?: string[]) =>
    judgeGroups(names, groups, allow).map(({ code, message, subject }) => [code, message, subject]);

  it('may be any that is not denied when nothing is said', () => {
    expect(judge(products)).toEqual([
      ['product-denied', "secret is in the group 'deny' and is never tagged", 'secret'],
    ]);
  });

  it('are in one of the allowed groups at least, and not denied all the same', () => {
    expect(judge(products, ['dm', 'auxiliary'])).toEqual([
      ['product-not-allowed', 'boost is in no group that may be tagged, only in external', 'boost'],
      ['product-denied', "secret is in the group 'deny' and is never tagged", 'secret'],
      ['product-not-allowed', 'utils is in no group that may be tagged', 'utils'],
    ]);
    expect(judge(['secret'], ['deny'])).toMatchObject([['product-denied', expect.anything(), 'secret']]);
  });

  it('that may not be tagged make the answer no, with what to do', () => {
    const problems = judgeGroups(products, groups, ['dm']);
    expect(exitCodeOf(problems)).toBe(1);
    expect(problems.map(({ hint }) => hint)).toContain(
      "leave it out with --except boost, or put it into a group of 'allow': dm",
    );
  });
});

describe('where manifests and lists are said to be', () => {
  it.each([
    ['  manifests: products/manifests\n', []],
    ['  manifests: https://host/m\n  eupsTags: http://localhost:8080/tags\n', []],
    ['  manifests: http://127.0.0.1/m\n  eupsTags: "http://[::1]:80/tags"\n', []],
    ['  manifests: http://host/m\n', ["dmrel.yaml:5:14 wrong-value 'manifests' must be a directory"]],
    ['  manifests: http://localhost.evil.org/m\n', ["dmrel.yaml:5:14 wrong-value 'manifests' must be a directory"]],
    ['  eupsTags: ftp://host/m\n', ["dmrel.yaml:5:13 wrong-value 'eupsTags' must be a directory"]],
    ['  eupsTags: ../tags\n', ["dmrel.yaml:5:13 unsafe-path '../tags' leads out of the workspace"]],
    ['  eupsTags: https://host/m?x=1\n', ["dmrel.yaml:5:13 unsafe-url 'https://host/m' has a query or a fragment"]],
    ['  manifests: https://u:hunter2@host/m\n', ["dmrel.yaml:5:14 unsafe-url 'https://host/m' carries credentials"]],
  ])('is checked by validate, without asking anybody: %j', async (section, wanted) => {
    const { problems } = await validateWorkspace(aWorkspaceWith(section).root, {});
    expect(brief(problems).map((each, index) => each.slice(0, wanted[index]?.length))).toEqual(wanted);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it('has manifests and lists that validate reads', async () => {
    const workspace = aWorkspaceWith('  manifests: m\n  eupsTags: t\n')
      .with('m/b1.txt', 'BUILD=b2\n')
      .with('t/w_2018_18.list', 'EUPS distribution w_2018_19 version list. Version 1.0\n')
      .with('t/README', '');
    const { problems } = await validateWorkspace(workspace.root, {});
    expect(brief(problems)).toEqual([
      "m/b1.txt:1:7 manifest-syntax 'b2' in the manifest of b1",
      "t/w_2018_18.list:1:19 manifest-syntax 'w_2018_19' in the list of w_2018_18",
    ]);
  });
});
