import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  evidenceFolder,
  signerFor,
  signStatement,
  testResultStatement,
  writeEvidence,
} from '../../src/evidence/index.ts';
import { requireLevel } from '../../src/levels/index.ts';
import {
  bindStatementSteps,
  explainGate,
  type PreparedStatement,
  prepareApproval,
  prepareWaiver,
} from '../../src/promotion/index.ts';
import { formatRelease, type ReleaseRecord } from '../../src/releases/index.ts';
import {
  type CalendarDate,
  type Digest,
  digestOf,
  type Instant,
  type Result,
  unwrap,
} from '../../src/support/index.ts';
import { openWorkspace } from '../../src/workspace/index.ts';
import { makeTrust } from '../support/keys.ts';
import { git } from '../support/release-workspace.ts';
import { aWorkspace, problemsOf } from '../support/workspace.ts';

const release = 'w.2018.18';
const now = new Date('2018-05-06T12:00:00Z');
const config = `schema: dmrel/workspace/v1
organization: test
registries: {r: "layout:r"}
images:
  stack: {context: images/stack}
  lab: {context: images/lab, levels: []}
checks: {smoke: {kind: command, run: [smoke]}, load: {kind: command, run: [load], images: [stack]}}
levels:
  dev: {registry: r, checks: [smoke]}
  batch: {registry: r, checks: [smoke, load], approvals: {role: release-manager, count: 2, within: 7d}}
  lab: {registry: r, approvals: [{role: release-manager}, {role: scientist}]}
`;

const record = (more: Record<string, Digest> = {}) =>
  ({
    schema: 'dmrel/release/v1',
    name: release,
    kind: 'weekly',
    date: '2018-05-03',
    created: { at: '2018-05-03T10:00:00Z', by: 'T <t@example.org>', operation: '01ARZ3NDEKTSV4RRFFQ69G5FAV' },
    source: { manifest: null, contentId: '0'.repeat(40) },
    previous: null,
    products: {},
    images: Object.fromEntries(
      Object.entries({ stack: digestOf('stack'), lab: digestOf('lab'), ...more }).map(([name, digest]) => [
        name,
        { repository: `build/${name}`, digest, inputs: digest, size: 1, platforms: ['linux/amd64'] },
      ]),
    ),
  }) as unknown as ReleaseRecord;

/** A workspace with one built release, committed; with keys where roles are given. */
async function aRelease(roles?: Record<string, string[]>, more?: Record<string, string>) {
  const workspace = aWorkspace();
  const trust = roles && makeTrust(workspace.root, { roles, ...(more ? { more } : {}) });
  workspace
    .with('dmrel.yaml', config + (trust?.section ?? ''))
    .with(`releases/${release}/release.yaml`, await formatRelease(record()));
  const { root } = workspace;
  git(root, 'init', '--quiet', '--initial-branch=main');
  git(root, 'config', 'user.name', 'Alice');
  git(root, 'config', 'user.email', 'alice@example.org');
  git(root, 'add', '--all');
  git(root, 'commit', '--quiet', '-m', 'workspace');
  const env = trust?.env ?? {};
  const open = async () => unwrap(await openWorkspace(root, {}));
  const apply = async (prepared: Result<PreparedStatement>) => {
    const { plan } = unwrap(prepared);
    expect(plan.problems).toEqual([]);
    for (const step of unwrap(await bindStatementSteps(await open(), unwrap(prepared)))) {
      if (await step.isDone()) continue;
      const outcome = await step.apply(new AbortController().signal);
      expect(outcome).toMatchObject({ status: expect.stringMatching(/^(?:done|in-sync)$/) });
    }
    return plan.steps.map(({ id, action }) => `${id}: ${action}`);
  };
  return {
    root,
    open,
    evidence: () => {
      try {
        return readdirSync(join(root, evidenceFolder(release)));
      } catch {
        return [];
      }
    },
    approve: async (more: Partial<Parameters<typeof prepareApproval>[1]> = {}) => {
      const request = {
        level: 'batch',
        release,
        role: undefined,
        key: undefined,
        message: undefined,
        now,
        env,
        ...more,
      };
      return prepareApproval(await open(), request);
    },
    waive: async (more: Partial<Parameters<typeof prepareWaiver>[1]> = {}) => {
      const until = '2018-05-31' as CalendarDate;
      const request = {
        check: 'smoke',
        level: 'batch',
        release,
        image: undefined,
        reason: 'known',
        until,
        key: undefined,
      };
      return prepareWaiver(await open(), { ...request, now, env, ...more });
    },
    apply,
    explain: async (level = 'batch', at = now, past = false) =>
      unwrap(await explainGate(await open(), { level, release, now: at, past })),
    /** A result of a check of batch, as the tester would sign it. */
    check: async (check: string, passed = true, at = '2018-05-04T00:00:00Z') => {
      const opened = await open();
      const { configuration } = unwrap(requireLevel(opened, 'batch', '')).checks.find(({ name }) => name === check)!;
      const statement = testResultStatement({
        repository: 'build/stack',
        digest: digestOf('stack'),
        check,
        configuration,
        passed,
        startedOn: at as Instant,
        finishedOn: at as Instant,
        passedTests: passed ? ['all'] : [],
        failedTests: passed ? [] : ['all'],
      });
      const signer = unwrap(await signerFor(opened, 'tester', env));
      return writeEvidence(root, evidenceFolder(release), unwrap(await signStatement(statement, signer)));
    },
  };
}
const roles = { tester: ['tester-1'], 'release-manager': ['alice', 'bob'], scientist: ['carol'] };

describe('dmrel approve', () => {
  it('signs, keeps and commits an approval, once a person', async () => {
    const { root, approve, apply, explain, evidence } = await aRelease(roles);
    expect(await apply(await approve({ key: 'alice' }))).toEqual(['sign: create', 'commit: create']);
    expect(git(root, 'status', '--porcelain')).toBe('');
    expect(git(root, 'log', '-1', '--format=%s%n%b')).toMatch(
      new RegExp(
        `^Approve ${release} for batch\\nDmrel-Operation: .*\\nDmrel-Release: ${release}\\nDmrel-Level: batch`,
      ),
    );
    expect(await apply(await approve({ key: 'alice' }))).toEqual(['sign: skip', 'commit: skip']);
    const half = await explain();
    expect(half.conditions.find(({ kind }) => kind === 'approval')).toMatchObject({
      state: 'unmet',
      text: '1 of 2 approved as release-manager: alice',
      evidence: [{ by: 'alice', at: '2018-05-06T12:00:00Z', file: `${evidenceFolder(release)}/${evidence()[0]}` }],
    });
    await apply(await approve({ key: 'bob', message: 'read the report' }));
    expect((await explain()).conditions.find(({ kind }) => kind === 'approval')).toMatchObject({ state: 'met' });
  });

  it('goes on where it was killed: what is signed is only committed', async () => {
    const { root, approve, apply, open } = await aRelease(roles);
    const prepared = await approve();
    const [sign] = unwrap(await bindStatementSteps(await open(), unwrap(prepared)));
    await sign!.apply(new AbortController().signal);
    expect(git(root, 'status', '--porcelain', '--untracked-files=all')).toMatch(/^\?\? releases\/.*\.json$/);
    expect(await apply(await approve())).toEqual(['sign: skip', 'commit: create']);
    expect(git(root, 'status', '--porcelain')).toBe('');
  });

  it('is given anew when it no longer holds, or when the release is another', async () => {
    const { root, approve, apply, explain, evidence } = await aRelease(roles);
    await apply(await approve());
    const later = new Date('2018-05-14T12:00:00Z');
    expect((await explain('batch', later)).ignored).toMatchObject([{ why: 'was given more than 7d ago' }]);
    expect(await apply(await approve({ now: later }))).toEqual(['sign: create', 'commit: create']);
    writeFileSync(
      join(root, `releases/${release}/release.yaml`),
      await formatRelease(record({ lab: digestOf('new') })),
    );
    expect((await explain('batch', later)).ignored.map(({ why }) => why)).toEqual([
      'approves other images of the release',
      'approves other images of the release',
    ]);
    expect(await apply(await approve({ now: later }))).toEqual(['sign: create', 'commit: create']);
    expect(evidence()).toHaveLength(3);
  });

  it('without keys is of whom git says it is, and says so', async () => {
    const { root, approve, apply, explain } = await aRelease();
    await apply(await approve());
    git(root, 'config', 'user.name', 'A. Lice');
    await apply(await approve());
    expect((await explain()).conditions.find(({ kind }) => kind === 'approval')).toMatchObject({ state: 'unmet' });
    git(root, 'config', 'user.name', 'Bob');
    git(root, 'config', 'user.email', 'bob@example.org');
    await apply(await approve());
    const explanation = await explain();
    expect(explanation.signed).toBe(false);
    expect(explanation.conditions.find(({ kind }) => kind === 'approval')).toMatchObject({
      state: 'met',
      text: expect.stringMatching(
        /^2 of 2 approved as release-manager: A.*[lL]ice <alice@example.org>, Bob <bob@example.org>$/,
      ),
    });
  });

  it('is refused for what nobody asks, nobody can sign, or is not built', async () => {
    const { approve, root } = await aRelease(roles);
    const refused = async (more: Parameters<typeof approve>[0]) => {
      const [found] = problemsOf(await approve(more));
      return [found!.code, found!.message, found!.hint];
    };
    expect(await refused({ level: 'dev' })).toEqual([
      'usage',
      'dev asks for no approval',
      `add 'approvals:' to dev in dmrel.yaml`,
    ]);
    expect(await refused({ level: 'lab' })).toEqual([
      'usage',
      'lab asks for approvals in several roles: say which',
      '--role release-manager, or --role scientist',
    ]);
    expect(await refused({ role: 'scientist' })).toEqual([
      'usage',
      'batch asks for no approval by scientist',
      'it asks for: release-manager',
    ]);
    expect(await refused({ env: {} })).toEqual(['signer-missing', expect.any(String), expect.any(String)]);
    expect(await refused({ release: 'w.2018.19' })).toEqual([
      'unknown-release',
      expect.any(String),
      expect.any(String),
    ]);
    const { images: _images, ...unbuilt } = record();
    writeFileSync(join(root, `releases/${release}/release.yaml`), await formatRelease(unbuilt as ReleaseRecord));
    const { plan } = unwrap(await approve());
    expect(plan.problems.map(({ code, subject }) => [code, subject])).toEqual([['image-not-built', 'stack']]);
  });
});

describe('dmrel waive', () => {
  it('answers for a check until a day, at one level, and is shown with reason and name', async () => {
    const { check, waive, apply, explain } = await aRelease(roles);
    const failure = await check('smoke', false);
    await check('load');
    expect((await explain()).next).toContain(`dmrel check --level batch --release ${release}`);
    expect(await apply(await waive({ key: 'bob' }))).toEqual(['sign: create', 'commit: create']);
    expect(await apply(await waive({ key: 'bob' }))).toEqual(['sign: skip', 'commit: skip']);
    const { conditions } = await explain();
    expect(conditions.find(({ subject }) => subject === 'smoke of stack')).toMatchObject({
      state: 'waived',
      evidence: [{ file: failure, by: 'tester-1' }],
      waiver: { by: 'bob', reason: 'known', until: '2018-05-31', at: '2018-05-06T12:00:00Z' },
    });
    const over = await explain('batch', new Date('2018-06-01T00:00:00Z'));
    expect(over.conditions.find(({ subject }) => subject === 'smoke of stack')).toMatchObject({ state: 'unmet' });
    expect((await explain('dev')).conditions.find(({ kind }) => kind === 'check')).toMatchObject({ state: 'unmet' });
  });

  it('is refused for what the level does not ask, by a day that is over, or where nobody may', async () => {
    const { waive } = await aRelease(roles);
    const refused = async (more: Parameters<typeof waive>[0]) => {
      const [found] = problemsOf(await waive(more));
      return [found!.code, found!.message];
    };
    expect(await refused({ check: 'smok' })).toEqual(['usage', "batch asks for no check 'smok'"]);
    expect(await refused({ image: 'lab' })).toEqual(['usage', "smoke looks at no image 'lab' at batch"]);
    expect(await refused({ until: '2018-05-05' as CalendarDate })).toEqual(['usage', '--until: 2018-05-05 is over']);
    expect(await refused({ level: 'dev' })).toEqual(['usage', 'nobody may waive anything at dev']);
  });
});

describe('dmrel explain', () => {
  it('says what was true at a moment that lies behind us', async () => {
    const { check, explain, approve, apply } = await aRelease(roles);
    await check('smoke', true, '2018-05-04T00:00:00Z');
    await check('load', true, '2018-05-04T00:00:00Z');
    await check('load', false, '2018-05-05T00:00:00Z');
    await apply(await approve({ key: 'alice' }));
    const load = async (at: string) =>
      (await explain('batch', new Date(at), true)).conditions.find(({ subject }) => subject === 'load of stack')!.state;
    expect([
      await load('2018-05-03T23:00:00Z'),
      await load('2018-05-04T12:00:00Z'),
      await load('2018-05-05T12:00:00Z'),
    ]).toEqual(['unmet', 'met', 'unmet']);
  });

  it('denies where evidence was changed, and names the file', async () => {
    const { root, check, explain } = await aRelease(roles);
    const file = await check('smoke', false);
    writeFileSync(join(root, file), '{}');
    const { verdict, conditions } = await explain();
    expect([verdict, conditions[0]]).toMatchObject(['deny', { kind: 'trust', subject: file, state: 'unmet' }]);
  });

  it('names changes of the policy that are not committed', async () => {
    const { root, explain } = await aRelease(roles);
    expect((await explain()).uncommitted).toEqual([]);
    writeFileSync(
      join(root, 'trust/alice.pub'),
      makeTrust(aWorkspace().root, { roles: { x: ['y'] } }).pairs.y!.publicPem,
    );
    expect((await explain()).uncommitted).toMatchObject([
      { code: 'policy-uncommitted', at: { file: 'trust/alice.pub' } },
    ]);
  });
});
