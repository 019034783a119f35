import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type ParsedName, parseImageTag, parseStackTag } from '../../src/names/index.ts';

/** What a tag says, without what it does not say. */
function said(tag: string, aliases: string[] = []): Partial<ParsedName> {
  const { name, base, ...rest } = parseImageTag(tag, { aliases: new Set(aliases) });
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null));
}

const unknown = (display: string, more = {}) => ({ kind: 'unknown', display, ...more });

describe('the tag of an image', () => {
  it.each([
    ['r21_0_1', { kind: 'release', display: 'Release r21.0.1', version: '21.0.1' }],
    ['r22_0_0_rc1', { kind: 'release-candidate', display: 'Release Candidate r22.0.0-rc1', version: '22.0.0-rc1' }],
    ['r170', { kind: 'release', display: 'Release r17.0.0', version: '17.0.0' }],
    ['r1700', unknown('r1700')],
    ['r17', unknown('r17')],
    ['r170_rsp1', unknown('r170_rsp1')],
    ['w_2021_22', { kind: 'weekly', display: 'Weekly 2021_22', version: '2021.22.0', date: '2021-06-03' }],
    ['d_2021_05_27', { kind: 'daily', display: 'Daily 2021_05_27', version: '2021.5.27', date: '2021-05-27' }],
    [
      'w_2021_13_c0012.003',
      {
        kind: 'weekly',
        display: 'Weekly 2021_13 (SAL Cycle 0012, Build 003)',
        version: '2021.13.0',
        date: '2021-04-01',
        cycle: 12,
        cycleBuild: 3,
      },
    ],
    [
      'w_2021_22_rsp19-arm64',
      {
        kind: 'weekly',
        display: 'Weekly 2021_22 (RSP Build 19) [arm64]',
        version: '2021.22.0',
        date: '2021-06-03',
        rspBuild: 19,
        architecture: 'arm64',
      },
    ],
    [
      'exp_w_2021_22_c0020.001_rsp19_foo-amd64',
      {
        kind: 'experimental',
        display: 'Experimental Weekly 2021_22 (SAL Cycle 0020, Build 001) (RSP Build 19) [foo] [amd64]',
        version: '2021.22.0',
        date: '2021-06-03',
        cycle: 20,
        cycleBuild: 1,
        rspBuild: 19,
        extra: 'foo',
        architecture: 'amd64',
      },
    ],
    ['exp_random', { kind: 'experimental', display: 'Experimental random' }],
    ['exp_exp_r170', { kind: 'experimental', display: 'Experimental Experimental Release r17.0.0', version: '17.0.0' }],
    ['exp_', unknown('exp_')],
    ['recommended_c0027-arm64', unknown('recommended (SAL Cycle 0027) [arm64]', { cycle: 27, architecture: 'arm64' })],
    ['r22_0_0_rc10', { kind: 'release-candidate', display: 'Release Candidate r22.0.0-rc10', version: '22.0.0-rc10' }],
    [
      'r23_0_0_rc1_rsp19_c0020.001_20210513',
      {
        kind: 'release-candidate',
        display: 'Release Candidate r23.0.0-rc1 (RSP Build 19) [c0020.001_20210513]',
        version: '23.0.0-rc1',
        rspBuild: 19,
        extra: 'c0020.001_20210513',
      },
    ],
    [
      'w_2021_22_c0020',
      {
        kind: 'weekly',
        display: 'Weekly 2021_22 [c0020]',
        version: '2021.22.0',
        date: '2021-06-03',
        extra: 'c0020',
      },
    ],
    ['w_2021_53', unknown('w_2021_53')],
    ['w_2021_53_c0020', unknown('w_2021_53 (SAL Cycle 0020)', { cycle: 20 })],
    ['w_2020_53', { kind: 'weekly', display: 'Weekly 2020_53', version: '2020.53.0', date: '2020-12-31' }],
    ['d_2021_02_30', unknown('d_2021_02_30')],
    ['r22_0_0_RC1', { kind: 'release', display: 'Release r22.0.0 [RC1]', version: '22.0.0', extra: 'RC1' }],
    [
      'd_2021_05_27_c0020.001-20210527',
      {
        kind: 'daily',
        display: 'Daily 2021_05_27 (SAL Cycle 0020, Build 001) [20210527]',
        version: '2021.5.27',
        date: '2021-05-27',
        cycle: 20,
        cycleBuild: 1,
        architecture: '20210527',
      },
    ],
    [
      'exp_w_2021_05_13_nosudo',
      {
        kind: 'experimental',
        display: 'Experimental Weekly 2021_05 [13_nosudo]',
        version: '2021.5.0',
        date: '2021-02-04',
        extra: '13_nosudo',
      },
    ],
    ['7-stack-lsst_distrib-w_2021_13', unknown('7-stack-lsst_distrib-w_2021_13')],
    ['v29_2_0', unknown('v29_2_0')],
    ['w_latest', unknown('w_latest')],
    ['sims_w_2018_22', unknown('sims_w_2018_22')],
    ['', unknown('latest')],
  ])('%s says what the menu of the Science Platform says', (tag, meaning) => {
    expect(said(tag)).toEqual(meaning);
  });

  it.each([
    ['r29_2_0_rsp2629', { kind: 'release', version: '29.2.0', rspBuild: 2629 }],
    ['r30_0_0_rc2_rsp2700', { kind: 'release-candidate', version: '30.0.0-rc2', rspBuild: 2700 }],
    ['w_2026_14', { kind: 'weekly', version: '2026.14.0', date: '2026-04-02' }],
    ['d_2026_04_03', { kind: 'daily', version: '2026.4.3', date: '2026-04-03' }],
    ['exp_r29_2_0_rsp2629_try', { kind: 'experimental', version: '29.2.0', rspBuild: 2629, extra: 'try' }],
    ['exp_w_2026_14_tickets_dm_1', { kind: 'experimental', version: '2026.14.0', extra: 'tickets_dm_1' }],
    ['exp_d_2026_04_03_try', { kind: 'experimental', version: '2026.4.3', date: '2026-04-03', extra: 'try' }],
  ])('%s, as the builds of the lab image name it, is read', (tag, meaning) => {
    expect(said(tag)).toMatchObject(meaning);
  });

  it.each([
    ['zeros in front of a version', 'r021_00_1', { kind: 'release', display: 'Release r21.0.1', version: '21.0.1' }],
    ['zeros in front of a candidate', 'r21_0_1_rc01', { kind: 'release-candidate', version: '21.0.1-rc01' }],
    ['a week of one digit', 'w_2021_7', { display: 'Weekly 2021_7', version: '2021.7.0', date: '2021-02-18' }],
    ['an underscore at the end', 'w_2021_22_', unknown('w_2021_22_')],
    ['an underscore behind a cycle', 'w_2021_22_c1.2_', { kind: 'weekly', extra: 'c1.2_' }],
    ['a cycle with letters behind it', 'w_2021_22_c1.2x', { kind: 'weekly', extra: 'c1.2x' }],
    ['a build with letters behind it', 'w_2021_22_rsp19x', { kind: 'weekly', extra: 'rsp19x' }],
    ['a build and an underscore', 'w_2021_22_rsp19_', { kind: 'weekly', extra: 'rsp19_' }],
    ['an architecture in capitals', 'w_2021_22-AMD64', unknown('w_2021_22-AMD64')],
    ['two architectures', 'w_2021_22-a-b', unknown('w_2021_22-a [b]', { architecture: 'b' })],
    ['an extra that is an architecture', 'w_2021_22_-arm64', { kind: 'weekly', extra: '-arm64' }],
    ['an extra with hyphens', 'w_2021_22_a-b-c', { kind: 'weekly', extra: 'a-b', architecture: 'c' }],
    ['a year that is too great', 'w_10000_01', unknown('w_10000_01')],
    ['no year', 'd_0_01_01', unknown('d_0_01_01')],
    ['nothing but a cycle', '_c0027', unknown(' (SAL Cycle 0027)', { cycle: 27 })],
    ['nothing but an architecture', '-amd64', unknown(' [amd64]', { architecture: 'amd64' })],
    ['digits of another script', 'w_٢٠٢١_٢٢', unknown('w_٢٠٢١_٢٢')],
    ['a line end', 'w_2021_22\n', unknown('w_2021_22\n')],
    ['a version longer than numbers are exact', 'r99999999999999999999_0_0', { version: '99999999999999999999.0.0' }],
    ['a build longer than that', 'r1_0_0_rsp99999999999999999999', { extra: 'rsp99999999999999999999' }],
  ])('with %s is read as the platform does', (_what, tag, meaning) => {
    expect(said(tag)).toMatchObject(meaning);
    if ('kind' in meaning && meaning.kind === 'unknown') expect(said(tag)).toEqual(meaning);
  });

  it.each([
    ['recommended', { kind: 'alias', display: 'Recommended' }],
    ['latest_weekly', { kind: 'alias', display: 'Latest Weekly' }],
    [
      'recommended_c0027-arm64',
      { kind: 'alias', display: 'Recommended (SAL Cycle 0027) [arm64]', cycle: 27, architecture: 'arm64' },
    ],
    ['w_2021_22', { kind: 'alias', display: 'W 2021 22' }],
  ])('%s is an alias where it is named as one, and nowhere else', (tag, meaning) => {
    expect(said(tag, [tag])).toEqual(meaning);
    expect(said(tag, [`${tag}x`]).kind).not.toBe('alias');
  });

  const digits = fc.stringMatching(/^[0-9]{1,4}$/);
  const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
  const heads = fc.oneof(
    fc.tuple(digits, digits, digits).map((each) => ['release', `r${each.join('_')}`]),
    fc.tuple(digits, digits, digits, digits).map(([a, b, c, rc]) => ['release-candidate', `r${a}_${b}_${c}_rc${rc}`]),
    fc
      .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 1, max: 52 }))
      .map((each) => ['weekly', `w_${each.join('_')}`]),
    fc
      .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }))
      .map((each) => ['daily', `d_${each.join('_')}`]),
  );
  const parts = {
    head: heads,
    cycle: maybe(fc.tuple(digits, digits)),
    rsp: maybe(digits),
    extra: maybe(fc.stringMatching(/^[a-zA-Z0-9_.]{1,9}$/).filter((text) => !/^(c|rsp|rc)[0-9]/.test(text))),
    architecture: maybe(fc.stringMatching(/^[a-z0-9]{1,9}$/)),
    experimental: fc.boolean(),
  };
  it('gives back what it was put together from', () => {
    fc.assert(
      fc.property(fc.record(parts), ({ head: [kind, head], cycle, rsp, extra, architecture, experimental }) => {
        const tag = [
          experimental && 'exp_',
          head,
          cycle && `_c${cycle.join('.')}`,
          rsp && `_rsp${rsp}`,
          extra && `_${extra}`,
          architecture && `-${architecture}`,
        ];
        const name = tag.filter(Boolean).join('');
        expect(parseImageTag(name)).toMatchObject({
          name,
          kind: experimental ? 'experimental' : kind,
          cycle: cycle && Number(cycle[0]),
          cycleBuild: cycle && Number(cycle[1]),
          rspBuild: rsp === null ? null : Number(rsp),
          extra,
          architecture,
        });
      }),
      { numRuns: 5000 },
    );
  });

  const pieces = ['r', 'w_', 'd_', 'exp_', '_', '-', '.', '_c', '_rsp', 'rc', '21', '0', '2021_22', 'arm64', '\n', '٣'];
  const anything = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((each) => each.join('')),
  );
  it('is never thrown over, and keeps its name', () => {
    fc.assert(
      fc.property(anything, (text) => {
        const parsed = parseImageTag(text);
        expect(parsed.name).toBe(text || 'latest');
        if (parsed.date !== null) expect(new Date(parsed.date).toISOString().slice(0, 10)).toBe(parsed.date);
        parseStackTag(text);
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('the tag of a stack image', () => {
  it.each([
    [
      '7-stack-lsst_distrib-w_2018_18',
      { os: '7', product: 'lsst_distrib', eupsTag: 'w_2018_18', timestamp: null, moves: false },
    ],
    [
      '7-stack-lsst_distrib-v15_0-20180403T081503Z',
      { os: '7', product: 'lsst_distrib', eupsTag: 'v15_0', timestamp: '20180403T081503Z', moves: false },
    ],
    [
      '7-stack-lsst_distrib-d_latest',
      { os: '7', product: 'lsst_distrib', eupsTag: 'd_latest', timestamp: null, moves: true },
    ],
    ['o_latest', { os: null, product: null, eupsTag: 'o_latest', timestamp: null, moves: true }],
  ])('%s names the EUPS tag in it', (tag, stack) => {
    expect(parseStackTag(tag)).toEqual(stack);
  });

  it.each([
    'w_2018_18',
    'latest',
    '',
    '7-stack-lsst_distrib',
    '7-stack-lsst_distrib-',
    '7-stack--w_2018_18',
    '-stack-lsst_distrib-w_2018_18',
    '7-stack-lsst_distrib-15.0',
    '7-stack-lsst_distrib-w_2018_18-now',
    '7-stack-lsst_distrib-w_2018_18-20180403T081503Z-arm64',
    '7-stack-lsst_distrib-w_2018_18\n',
  ])('%j is none', (tag) => {
    expect(parseStackTag(tag)).toBeUndefined();
  });
});

const corpus = process.env.DMREL_CORPUS;
const it_ = corpus === undefined ? it.skip : it;

describe('the real tags', () => {
  it_('mean what the parser of the Science Platform makes of them', () => {
    const { tags } = JSON.parse(readFileSync(join(corpus!, 'tags/docker-tags.json'), 'utf8'));
    const found = tags.map(({ tag }: { tag: string }) => {
      const stack = parseStackTag(tag);
      if (stack) {
        expect(said(tag)).toEqual(unknown(tag));
        const { os, product, eupsTag, timestamp, moves } = stack;
        if (moves) return { lab_parse: 'Unknown', alias: eupsTag };
        return { lab_parse: 'Unknown', os, product, eups_tag: eupsTag, ...(timestamp ? { timestamp } : {}) };
      }
      const parsed = parseImageTag(tag);
      const { name, kind, display, version, base, cycle, cycleBuild, rspBuild, architecture, extra, date } = parsed;
      return {
        tag: name,
        image_type: kind.replace(/(^|-)([a-z])/g, (_, hyphen, letter) => (hyphen ? ' ' : '') + letter.toUpperCase()),
        display_name: display,
        version,
        // The platform's word for versions that say what changed; releases and what is built on them have it.
        semantic: /Release/.test(display) && version !== null,
        base,
        cycle,
        cycle_build: cycleBuild,
        build: rspBuild,
        architecture,
        extra,
        date: date === null ? null : `${date} 00:00:00`,
      };
    });
    expect(found).toEqual(tags.map(({ expect: meaning }: { expect: unknown }) => meaning));
    expect(found.length).toBeGreaterThan(80);
  });
});
