import { describe, expect, it } from '@jest/globals';
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
