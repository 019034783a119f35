import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasWildcard, matchesComponent } from '../../src/building/assemble/glob.ts';
import { assembleEngine, parseDockerfile, splitInstructions } from '../../src/building/assemble/index.ts';
import { aBuildRequest } from '../support/build-request.ts';
import { startWork } from '../support/work.ts';
import { aFolder } from '../support/workspace.ts';

const parse = (text: string, parents: string[] = []) => parseDockerfile({ file: 'Dockerfile', text }, {}, parents);
const problems = (text: string) => {
  const parsed = parse(text);
  return parsed.ok ? [] : parsed.problems.map(({ code, at }) => `${at?.line}:${at?.column} ${code}`);
};

describe('reading a Dockerfile before building', () => {
  it('says all at once what needs another engine, and where', () => {
    const text =
      'FROM scratch\nRUN make && \\\n  make install\n  HEALTHCHECK NONE\nONBUILD RUN x\nSHELL ["a"]\nCOPY --from=x a b\nCOPY <<END /x\nRUN no\nEND\nADD https://x.org/a /b\nFROM scratch\nMAINTAINER me\n';
    const at = (place: string) => `${place} dockerfile-unsupported`;
    expect(problems(text).sort()).toEqual(
      ['2:1', '4:3', '5:1', '6:1', '7:6', '8:6', '11:5', '12:1', '13:1'].map(at).sort(),
    );
  });

  it.each([
    'COPY --chown=lsst:lsst a /',
    'COPY --chmod=u+x a /',
    'ADD a.tar.gz /',
    'ENV P=${PATH#/}',
    'ARG M=${V%%.*}',
    'ARG M=${V:?must}',
  ])('leaves %s to another engine', (line) => {
    for (const from of ['scratch', 'base']) {
      const dockerfile = { file: 'Dockerfile', text: `FROM ${from}\n${line}\n` };
      const request = { ...aBuildRequest('x', '/nowhere', []), dockerfile, from: ['base'] };
      expect(assembleEngine.check!(request)).toMatchObject([
        {
          code: 'dockerfile-unsupported',
          at: { line: 2 },
          hint: expect.stringContaining('the docker or buildah engine'),
        },
      ]);
    }
  });

  it('refuses nothing that what it is built on may decide', () => {
    const text = 'FROM base\nARG WHO\nCOPY --chown=$WHO a /\nUSER lsst\nWORKDIR /home/lsst\n';
    const request = { ...aBuildRequest('x', '/nowhere', []), dockerfile: { file: 'D', text }, from: ['base'] };
    expect(assembleEngine.check!(request)).toEqual([]);
  });

  it('names what its context lacks before anything is built', async () => {
    const context = aFolder();
    writeFileSync(join(context, 'there'), '');
    const lines = ['FROM scratch', 'COPY there /', 'COPY nothere /x', 'COPY there *.md /y/'];
    expect(await assembleEngine.look!(aBuildRequest('x', context, lines))).toMatchObject([
      { code: 'context-invalid', message: "the context has no 'nothere'", at: { line: 3, column: 6 } },
      { code: 'context-invalid', message: "the context has no '*.md'", at: { line: 4, column: 12 } },
    ]);
  });

  it('ends a here-document where docker does', () => {
    const keywords = (text: string) => splitInstructions({ file: 'D', text }).map(({ keyword }) => keyword);
    expect(keywords('RUN cat <<EOF\n  EOF\nCOPY a b\nEOF\nUSER 1\n')).toEqual(['RUN', 'USER']);
    expect(keywords('RUN cat <<-EOF\n\t\tEOF\nCOPY a b\n')).toEqual(['RUN', 'COPY']);
    expect(keywords('RUN cat <<-EOF\n  EOF\nCOPY a b\n\tEOF\nUSER 1\n')).toEqual(['RUN', 'USER']);
  });

  it('reads a line with 300,000 blanks at once', () => {
    const worked = startWork();
    expect(problems(`FROM scratch\nENV A=1${' '.repeat(300_000)}B=2\n`)).toEqual([]);
    expect(worked()).toBeLessThan(2);
  });

  it('shows the line and says which engine to take', () => {
    const parsed = parse('FROM scratch\nRUN make\n');
    expect(parsed).toMatchObject({
      problems: [{ excerpt: { text: 'RUN make', caret: 0 }, hint: 'use the docker or buildah engine for RUN' }],
    });
  });

  it.each([
    ['', 'undefined:undefined'],
    ['COPI a b\nFROM scratch', '1:1'],
    ['LABEL a=b\nFROM scratch', '1:1'],
    ['FROM scratch\nCOPY a', '2:6'],
    ['FROM scratch\nENV A="x', '2:5'],
    ['FROM scratch\nENV A=${x', '2:5'],
    ['FROM scratch\nENV A', '2:5'],
    ['FROM scratch\nLABEL', '2:1'],
    ['FROM scratch\nCOPY --nope=1 a b', '2:6'],
    ['FROM scratch AS a b', '1:14'],
    ['FROM scratch\nCOPY \\\n --bad=1 \\\n a b', '3:2'],
  ])('names the place of a mistake in %j', (text, place) => {
    expect(problems(text)).toEqual([`${place} dockerfile-syntax`]);
  });

  it('answers what it is built FROM, with ARGs put in', () => {
    expect(parse('ARG X=st\nFROM ${X}ack AS one', ['stack'])).toMatchObject({ ok: true, value: { from: 'stack' } });
    expect(parse('# escape=`\nFROM scratch\nENV A=1 `\n B=2')).toMatchObject({ ok: true, value: { from: undefined } });
  });

  it('never throws, whatever the file holds', () => {
    const piece = fc.constantFrom(
      'FROM scratch',
      'COPY',
      'ENV',
      ' ',
      '\\',
      '\n',
      '"',
      "'",
      '$',
      '${',
      '}',
      '[',
      ']',
      '<<E',
      '--chown=',
      'a=b',
      '\r',
      '\0',
      '#',
      'é',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => void parse(pieces.join(''))),
      { numRuns: 2000 },
    );
  });

  it('takes wildcards as docker does, in linear time', () => {
    expect(['a*c', 'a?c', '[a-b]bc', '[^x]bc', '*'].every((pattern) => matchesComponent(pattern, 'abc'))).toBe(true);
    expect(['a*d', '?', '[^a]bc', 'abc?'].some((pattern) => matchesComponent(pattern, 'abc'))).toBe(false);
    expect(matchesComponent('\\*', '*') && !matchesComponent('\\*', 'a') && hasWildcard('\\*')).toBe(true);
    expect(matchesComponent(`${'*a'.repeat(60)}b`, 'a'.repeat(250))).toBe(false);
  });
});
