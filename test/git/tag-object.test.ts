import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type CommitId, tagObject } from '../../src/git/index.ts';
import { git } from '../support/release-workspace.ts';
import { aFolder } from '../support/workspace.ts';

let repository: string;
let commit: CommitId;

beforeAll(() => {
  repository = aFolder();
  git(repository, 'init', '--quiet', '--bare', '--initial-branch=main');
  commit = git(repository, 'commit-tree', git(repository, 'mktree', '--missing'), '-m', 'x') as CommitId;
});

interface Wanted {
  tag: string;
  name: string;
  email: string;
  epochSeconds: number;
  message: string;
}

/** The tag that git itself makes: its id and its bytes. */
function byGit({ tag, name, email, epochSeconds, message }: Wanted): { id: string; bytes: string } {
  const env = {
    PATH: process.env.PATH,
    HOME: repository,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
    GIT_COMMITTER_DATE: `@${epochSeconds} +0000`,
  };
  // A message from a manifest has no comments: '#' begins a line like any other sign.
  const args = ['tag', '-a', '-f', '--cleanup=whitespace', '-F', '-', '--', tag, commit];
  execFileSync('git', args, { cwd: repository, env, input: message, stdio: ['pipe', 'ignore', 'pipe'] });
  const id = git(repository, 'rev-parse', `refs/tags/${tag}`);
  const bytes = execFileSync('git', ['cat-file', 'tag', id], { cwd: repository, env, encoding: 'utf8' });
  return { id, bytes };
}

function byUs({ tag, name, email, epochSeconds, message }: Wanted): { id: string; bytes: string } {
  const { id, bytes } = tagObject({ commit, tag, tagger: { name, email }, epochSeconds, message });
  return { id, bytes: bytes.toString('utf8') };
}

const usual: Wanted = {
  tag: 'w.2018.18',
  name: 'Release Manager',
  email: 'rm@example.org',
  epochSeconds: 1525737600,
  message: 'Version w.2018.18 release from w_2018_18/b3595',
};

describe('the object of an annotated tag', () => {
  it('has the bytes and the id that git gives it', () => {
    const made = byUs(usual);
    expect(made).toEqual(byGit(usual));
    expect(made.bytes).toBe(
      `object ${commit}\ntype commit\ntag w.2018.18\ntagger Release Manager <rm@example.org> 1525737600 +0000\n\n` +
        'Version w.2018.18 release from w_2018_18/b3595\n',
    );
    expect(made.id).toBe(createHash('sha1').update(`tag ${made.bytes.length}\0${made.bytes}`).digest('hex'));
  });

  const people: [string, string][] = [
    ['Zoë Müller-Lüdenscheidt', 'zoe@example.org'],
    ['天文 太郎', 'taro@例え.jp'],
    ['Ring 🔭 Nebula', 'r@example.org'],
    ['  spaces  within  ', ' rm@example.org '],
    ['"Quoted, Name"', '<rm@example.org>'],
    ["O'Neill; (DM)", 'rm@example.org'],
    ['Two\nLines', 'r\nm@example.org'],
    ['<script>alert(1)</script>', 'a<b>c@example.org'],
    ['tab\tand\x01control\x02', 'rm@example.org\x1f'],
    ['\u00a0not ASCII space\u3000', '\u00a0rm@example.org'],
  ];
  it.each(people)('has the person %j %j as git writes it', (name, email) => {
    expect(byUs({ ...usual, name, email })).toEqual(byGit({ ...usual, name, email }));
  });

  it.each([
    'one line',
    'one line, ended\n',
    'title\n\nbody of\ntwo lines\n',
    'title\r\n\r\nbody\r\n',
    '\n\n  indented after blank lines',
    'trailing blanks  \nand tabs\t\n',
    'many\n\n\n\nblank\n \n\t\nlines\n\n\n',
    '# not a comment\ntext\n#nor this',
    'Grüße aus 東京 🔭\n\nüber mehrere\nZeilen',
    'ends in a space that is none\u00a0',
    'ends in a wide space\u3000\n',
    'vertical\v\nfeed\f\n',
    '-----BEGIN PGP SIGNATURE-----\nno signature\n',
    '',
    ' \n\t\n',
  ])('has the message %j as git cleans it', (message) => {
    expect(byUs({ ...usual, message })).toEqual(byGit({ ...usual, message }));
  });

  it('is the same for the same, and another for anything else', () => {
    const ids = new Set([usual, { ...usual }].map((each) => byUs(each).id));
    expect(ids.size).toBe(1);
    for (const other of [{ tag: 'w.2018.19' }, { name: 'X' }, { email: 'x@y' }, { epochSeconds: 1 }, { message: 'x' }])
      ids.add(byUs({ ...usual, ...other }).id);
    expect(ids.size).toBe(6);
  });

  // No '.': versions of git differ in whether they trim it at the end of a name.
  const person = fc
    .array(
      fc.oneof(
        {
          weight: 3,
          arbitrary: fc.constantFrom('a', 'Z', ' ', '\t', '\n', '<', '>', ',', ':', ';', '"', "'", '\\', '\x01'),
        },
        fc.string({ minLength: 1, maxLength: 1, unit: 'grapheme' }),
      ),
      { maxLength: 8 },
    )
    .map((each) => each.join(''))
    .filter((text) => !/[.\0]/.test(text) && /[A-Za-z\u00a1-\uffff]/.test(text));
  const message = fc
    .array(
      fc.oneof(
        fc.constantFrom('\n', '\n\n', ' ', '\t', '\r', '#', 'word', '\u00a0'),
        fc.string({ maxLength: 6, unit: 'grapheme' }),
      ),
      { maxLength: 12 },
    )
    .map((each) => each.join('').replaceAll('\0', ''));
  const wanted = fc.record({
    tag: fc.constantFrom('w.2018.18', '15.0', 'tickets/DM-1', 'näher', '望遠鏡', '🔭'),
    name: person,
    email: person,
    epochSeconds: fc.integer({ min: 100_000_000, max: 2 ** 32 }),
    message,
  });
  it('is what git makes of any person, date and message', () => {
    fc.assert(
      fc.property(wanted, (each) => expect(byUs(each)).toEqual(byGit(each))),
      { numRuns: 120 },
    );
  });
});
