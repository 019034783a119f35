import { describe, expect, it } from '@jest/globals';
import { readUses } from '../../src/building/dockerfile-uses.ts';
import { parentsOf, renameParents, strangers } from '../../src/building/engines/parents.ts';

const pinned = `registry.example.org/os@sha256:${'a'.repeat(64)}`;
const text = [
  'ARG BASE=base',
  'FROM ${BASE} AS one',
  'RUN --mount=type=bind,from=tools,target=/t --mount=type=cache,target=/c /t/run base',
  'FROM --platform=linux/amd64 base as Two # base',
  'COPY --chown=1:1 --from=one /base /base',
  'COPY --from=tools \\',
  '  /base \\',
  '  /x',
  `FROM ${pinned}`,
  'COPY --from=0 /a /b',
  'COPY --from=two /a --from=base',
  'FROM scratch',
].join('\n');
const dockerfile = { file: 'Dockerfile', text };

describe('what a Dockerfile is built on', () => {
  it('is what FROM, COPY --from and RUN --mount name, but for stages', () => {
    expect(parentsOf(dockerfile, {})).toEqual(['base', 'tools', pinned]);
    expect(parentsOf(dockerfile, { BASE: 'other' })).toEqual(['other', 'tools', 'base', pinned]);
  });

  it('is named by flags that stand first, and by nothing else', () => {
    const lines = [
      'FROM base-${TARGETARCH}',
      'ARG M=${V%%.*} RELEASE=${V:?must}',
      'RUN echo kubectl create job x --from=cronjob/y',
      'LABEL usage="mytool --from=conda-forge x"',
      'COPY --from=tools /a /b',
    ];
    const given = { file: 'Dockerfile', text: lines.join('\n') };
    expect(parentsOf(given, {}, 'linux/arm64')).toEqual(['base-arm64', 'tools']);
    expect(strangers(given, {}, ['base-arm64', 'tools'], 'linux/arm64')).toEqual([]);
    expect(renameParents(given, {}, new Map([['base-arm64', 'BASE']]), 'linux/arm64')).toContain('FROM BASE\n');
    const uses = readUses(given, {}, 'linux/arm64');
    expect(uses.images.map(({ name }) => name)).toEqual(['base-arm64', 'tools']);
    expect([uses.problems, [...uses.args]]).toEqual([[], ['M', 'RELEASE']]);
  });

  it('gets the names that an engine has for it, and nothing else is touched', () => {
    const renamed = renameParents(
      dockerfile,
      {},
      new Map([
        ['base', 'BASE'],
        ['tools', 'TOOLS'],
      ]),
    );
    const expected = text.split('\n');
    expected[1] = 'FROM BASE AS one';
    expected[2] = expected[2]!.replace('from=tools', 'from=TOOLS');
    expected[3] = 'FROM --platform=linux/amd64 BASE as Two # base';
    expected[5] = 'COPY --from=TOOLS \\';
    expect(renamed.split('\n')).toEqual(expected);
  });

  it('must be said in dmrel.yaml, or be named by digest', () => {
    expect(strangers(dockerfile, {}, ['base', 'tools'])).toEqual([]);
    expect(strangers(dockerfile, {}, ['base'])).toMatchObject([
      { code: 'unknown-name', at: { line: 3, column: 28 }, hint: expect.stringContaining("'base'") },
      { code: 'unknown-name', at: { line: 6, column: 13 } },
    ]);
    const moving = { file: 'Dockerfile', text: 'FROM docker.io/lsstsqre/centos:7-stack\n' };
    expect(strangers(moving, {}, [])).toMatchObject([{ code: 'unknown-name', at: { line: 1, column: 6 } }]);
  });
});
