import '../support/as-built.ts';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  attachSignature,
  attachStatement,
  readAttached,
  readPublicKey,
  signerFor,
  signStatement,
} from '../../src/evidence/index.ts';
import { type Digest, digestOf, unwrap } from '../../src/support/index.ts';
import { openWorkspace } from '../../src/workspace/index.ts';
import { anIndex } from '../registry/images.ts';
import { dmrelJson } from '../support/dmrel.ts';
import { aStatement } from '../support/keys.ts';
import { LevelWorkspace, promoterRoles } from '../support/level-workspace.ts';
import { git } from '../support/release-workspace.ts';

const [old, newer] = ['w.2018.17', 'w.2018.18'] as [string, string];
const because = ['--reason', 'it loses files'];
const levels = { dev: '{registry: dev}', batch: '{registry: batch, after: [dev], emergency: rescue}' };

/** Give a release an index in the place of its image; gives the index and the images in it. */
async function anIndexOf(workspace: LevelWorkspace, release: string, ...others: string[]): Promise<Digest[]> {
  const parts = [release, ...others].map((each) => workspace.digest(each));
  const index = await anIndex(workspace.registry('build'), 'stack', parts);
  const record = join(workspace.root, `releases/${release}/release.yaml`);
  writeFileSync(record, readFileSync(record, 'utf8').replace(workspace.digest(release), index));
  workspace.commit();
  return [index, ...parts];
}

const trusting = (more: object = {}) => LevelWorkspace.make({ roles: promoterRoles, levels, ...more });

/** What a key of the workspace signed of an image at a level: predicate types of bundles, and layers of `.sig`. */
async function signedBy(workspace: LevelWorkspace, key: string, digest: Digest): Promise<string[]> {
  const registry = workspace.registry('batch');
  const { hint } = readPublicKey(readFileSync(join(workspace.root, `trust/${key}.pub`), 'utf8')) as { hint: string };
  const { bundles } = unwrap(await readAttached({ registry, repository: 'stack', image: digest }));
  const own = bundles.filter(({ envelope }) => envelope.keyid === hint);
  const types = own.map(({ envelope }) => JSON.parse(envelope.payload.toString('utf8')).predicateType as string);
  const sig = await registry.resolve('stack', `sha256-${digest.slice(7)}.sig`);
  const layers = sig ? JSON.parse(unwrap(await registry.readManifest('stack', sig)).bytes.toString('utf8')).layers : [];
  return [...types.sort(), ...layers.map(() => '.sig')];
}

const summary = 'https://slsa.dev/verification_summary/v1';
const signature = 'https://sigstore.dev/cosign/sign/v1';
const withdrawal = 'https://lsst.org/dmrel/withdrawal/v1';

/** The answer that operators get, from the registry alone. */
const verified = async (workspace: LevelWorkspace, digest: Digest): Promise<number | null> => {
  const image = `layout:${join(workspace.root, '.dmrel/registry/batch')}:stack@${digest}`;
  const key = join(workspace.root, 'trust/batch-1.pub');
  return (await workspace.run('verify', image, '--level', 'batch', '--key', key)).code;
};

describe('a promotion where keys are trusted', () => {
  it('signs what was verified with the key of the level, in both forms, and names it in the record', async () => {
    const workspace = await trusting().built(old);
    await workspace.promote('dev', old);
    await workspace.promote('batch', old);
    const digest = workspace.digest(old);
    expect(await signedBy(workspace, 'batch-1', digest)).toEqual([signature, summary, '.sig']);
    expect(await verified(workspace, digest)).toBe(0);
    const promotion = workspace.release(old).promotions!.at(-1)!;
    const file = `releases/${old}/evidence/${promotion.statements!.stack!.slice(7)}.json`;
    const envelope = JSON.parse(readFileSync(join(workspace.root, file), 'utf8'));
    const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString('utf8'));
    expect(statement.subject).toEqual([
      { name: 'layout:.dmrel/registry/batch:stack', digest: { sha256: digest.slice(7) } },
    ]);
    expect(statement.predicate).toMatchObject({
      resourceUri: 'layout:.dmrel/registry/batch:stack',
      verificationResult: 'PASSED',
      verifiedLevels: ['SLSA_BUILD_LEVEL_UNEVALUATED', 'DMREL_LEVEL_BATCH'],
      policy: { digest: { sha256: digestOf(readFileSync(join(workspace.root, 'dmrel.yaml'))).slice(7) } },
    });
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
    const before = git(workspace.root, 'rev-parse', 'HEAD');
    expect(await workspace.promote('batch', old)).toContain('nothing to do');
    expect(git(workspace.root, 'rev-parse', 'HEAD')).toBe(before);
    expect(await signedBy(workspace, 'batch-1', digest)).toEqual([signature, summary, '.sig']);
  });

  it('says it of the index and of every image in it, for an admission may look at either', async () => {
    const workspace = await trusting().built(old, newer);
    const all = await anIndexOf(workspace, newer, old);
    await workspace.promote('dev', newer);
    await workspace.promote('batch', newer);
    for (const digest of all) {
      expect(await signedBy(workspace, 'batch-1', digest)).toEqual([signature, summary, '.sig']);
      expect(await verified(workspace, digest)).toBe(0);
    }
    await workspace.done('demote', '--level', 'batch', '--release', newer, ...because);
    for (const digest of all) expect(await verified(workspace, digest)).toBe(1);
  });

  it('refuses without the key of the level, and by a policy that is not committed', async () => {
    const workspace = await trusting().built(old);
    const args = ['promote', '--level', 'dev', '--release', old];
    const { DMREL_KEY_DEV_1: _, ...poor } = workspace.env;
    const nobody = await workspace.runAs(poor, ...args);
    expect([nobody.code, nobody.err]).toEqual([expect.any(Number), expect.stringContaining('signer-missing')]);
    expect(nobody.code).not.toBe(0);
    workspace.write('dmrel.yaml', `${readFileSync(join(workspace.root, 'dmrel.yaml'), 'utf8')}# changed\n`);
    const changed = await workspace.refused(...args);
    expect([changed.code, changed.problems]).toEqual([1, [expect.stringContaining('policy-uncommitted: dmrel.yaml')]]);
    expect(existsSync(join(workspace.root, '.dmrel/registry/dev'))).toBe(false);
    expect(workspace.current('dev')).toEqual([]);
  });
});

describe('a promoter’s key that does not count any more', () => {
  it('leaves a way out: what stands there is promoted again, and signed anew', async () => {
    const roles = { ...promoterRoles, 'promoter-dev': ['dev-1', 'dev-2'] };
    const workspace = await trusting({ roles }).built(old);
    await workspace.promote('dev', old);
    const text = readFileSync(join(workspace.root, 'dmrel.yaml'), 'utf8');
    const revoked = 'dev-1.pub, revoked: {on: "2018-05-03", reason: lost}}';
    workspace.write('dmrel.yaml', text.replace('dev-1.pub}', revoked));
    workspace.commit('revoke');
    const denied = await workspace.refused('promote', '--level', 'batch', '--release', old);
    expect(denied.problems).toEqual([expect.stringContaining('its promoter never said so')]);
    expect(await workspace.promote('dev', old)).toContain('stands at dev, recorded');
    expect(await workspace.promote('dev', old)).toContain('nothing to do');
    const [first, second] = workspace.release(old).promotions!.map(({ statements }) => statements!.stack);
    expect(first).not.toBe(second);
    await workspace.promote('batch', old);
    expect(await workspace.done('reconcile')).toBe('registries are as the records say\n');
  });
});

describe('what somebody attached in the name of a key', () => {
  it('is found where it arrives, and nothing is promoted', async () => {
    const workspace = await trusting().built(old);
    const digest = workspace.digest(old);
    const opened = unwrap(await openWorkspace(workspace.root, {}));
    const signer = unwrap(await signerFor(opened, 'demoter', workspace.env));
    const signed = unwrap(await signStatement(aStatement({}, digest), signer));
    signed.signed!.envelope.signature[20]! ^= 1;
    unwrap(await attachStatement(workspace.registry('build'), 'stack', digest, signed));
    const { code, problems } = await workspace.refused('promote', '--level', 'dev', '--release', old);
    expect([code, problems[0]]).toEqual([4, expect.stringContaining('signature-invalid: stack@')]);
    expect([workspace.current('dev'), await workspace.tag('dev', 'dev')]).toEqual([[], undefined]);
  });
});

describe('a demotion where keys are trusted', () => {
  it('leaves nothing of the promoter at the image: what that key signs is taken for a yes', async () => {
    const workspace = await trusting().built(old, newer);
    for (const release of [old, newer]) for (const level of ['dev', 'batch']) await workspace.promote(level, release);
    const digest = workspace.digest(newer);
    await workspace.done('demote', '--level', 'batch', '--release', newer, ...because);
    expect(await signedBy(workspace, 'batch-1', digest)).toEqual([]);
    expect(await signedBy(workspace, 'demoter-1', digest)).toEqual([withdrawal]);
    expect([await verified(workspace, digest), await verified(workspace, workspace.digest(old))]).toEqual([1, 0]);
    const { statement } = workspace.release(newer).withdrawals![0]!;
    expect(existsSync(join(workspace.root, `releases/${newer}/evidence/${statement!.slice(7)}.json`))).toBe(true);
    expect(workspace.level('batch').withheld![0]!.statement).toBe(statement);
    expect(await workspace.done('reconcile')).toBe('registries are as the records say\n');
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
    // Fit again: it is verified and signed anew.
    await workspace.done('release-hold', '--level', 'batch');
    await workspace.promote('batch', newer);
    expect(await verified(workspace, digest)).toBe(0);
    expect(workspace.release(newer).promotions!.filter(({ level }) => level === 'batch')).toHaveLength(2);
  });

  it('leaves nothing where an image in it is gone, nor what was made there in another way', async () => {
    const workspace = await trusting().built(old, newer);
    const [index, ...parts] = (await anIndexOf(workspace, newer, old)) as [Digest, Digest, Digest];
    for (const level of ['dev', 'batch']) await workspace.promote(level, newer);
    rmSync(join(workspace.root, '.dmrel/registry/batch/stack/blobs/sha256', parts[0].slice(7)));
    // Nor does a stranger's bundle keep it from that, of which nobody has the content.
    const batch = workspace.registry('batch');
    const opened = unwrap(await openWorkspace(workspace.root, {}));
    const stranger = unwrap(await signerFor(opened, 'rescue', workspace.env));
    const strange = unwrap(await signStatement(aStatement({}, index), stranger));
    const bundle = unwrap(await attachStatement(batch, 'stack', index, strange))!;
    const [layer] = JSON.parse(unwrap(await batch.readManifest('stack', bundle)).bytes.toString('utf8')).layers;
    rmSync(join(workspace.root, '.dmrel/registry/batch/stack/blobs/sha256', layer.digest.slice(7)));
    const demote = ['demote', '--level', 'batch', '--release', newer, ...because];
    await workspace.done(...demote);
    for (const digest of [index, ...parts]) expect(await signedBy(workspace, 'batch-1', digest)).toEqual([]);
    expect(await workspace.done(...demote)).toContain('nothing to do');
    // A copy from elsewhere brings the yes back: who looks finds it, and the same command takes it away.
    const promoted = unwrap(await signerFor(opened, 'promoter-batch', workspace.env));
    unwrap(await attachSignature(batch, 'stack', parts[1], promoted, 'elsewhere/stack'));
    expect((await workspace.refused('reconcile', '--dry-run')).problems).toEqual([
      `level-drift: batch/stack@${index} was taken away with ${newer}, and has the promoter's signature still`,
    ]);
    const again = workspace.copy();
    expect(await again.done('reconcile')).toBe('1 difference set right from the records\n');
    await workspace.done(...demote);
    for (const each of [workspace, again]) {
      expect(await signedBy(each, 'batch-1', parts[1])).toEqual([]);
      expect(await each.done('reconcile')).toBe('registries are as the records say\n');
      expect(await each.done(...demote)).toContain('nothing to do');
    }
  });

  it('takes away what keys signed that have the role no more', async () => {
    const roles = { ...promoterRoles, 'promoter-batch': ['batch-1', 'batch-2'] };
    const workspace = await trusting({ roles }).built(old);
    for (const level of ['dev', 'batch']) await workspace.promote(level, old);
    const config = readFileSync(join(workspace.root, 'dmrel.yaml'), 'utf8');
    workspace.write('dmrel.yaml', config.replace('[batch-1, batch-2]', '[batch-2]'));
    workspace.commit();
    expect(await verified(workspace, workspace.digest(old))).toBe(0);
    await workspace.done('demote', '--level', 'batch', '--release', old, ...because);
    expect(await signedBy(workspace, 'batch-1', workspace.digest(old))).toEqual([]);
  });

  it('leaves what the same key said of another level in the same registry', async () => {
    const one = { batch: '{registry: batch}', lab: '{registry: batch, promoter: promoter-batch}' };
    const workspace = await trusting({ levels: one }).built(old);
    const digest = workspace.digest(old);
    const image = `layout:${join(workspace.root, '.dmrel/registry/batch')}:stack@${digest}`;
    const key = join(workspace.root, 'trust/batch-1.pub');
    const codes = async () => {
      const ended = ['batch', 'lab'].map((level) => workspace.run('verify', image, '--level', level, '--key', key));
      return (await Promise.all(ended)).map(({ code }) => code);
    };
    for (const level of ['batch', 'lab']) await workspace.promote(level, old);
    expect(await codes()).toEqual([0, 0]);
    await workspace.done('demote', '--level', 'lab', '--release', old, ...because);
    expect(await codes()).toEqual([0, 1]);
    expect(await signedBy(workspace, 'batch-1', digest)).toEqual([signature, summary, '.sig']);
    expect(await workspace.done('reconcile')).toBe('registries are as the records say\n');
    await workspace.done('demote', '--level', 'batch', '--release', old, ...because);
    expect(await signedBy(workspace, 'batch-1', digest)).toEqual([]);
  });

  it('wants the key of who may, and never takes the promoter for it', async () => {
    const workspace = await trusting().built(old);
    for (const level of ['dev', 'batch']) await workspace.promote(level, old);
    const { DMREL_KEY_DEMOTER_1: _, ...poor } = workspace.env;
    for (const args of [['demote', '--release', old], ['hold']]) {
      const { code, err } = await workspace.runAs(poor, args[0]!, '--level', 'batch', ...args.slice(1), ...because);
      expect([code === 0, err]).toEqual([false, expect.stringContaining("nobody can sign as 'demoter' here")]);
    }
    expect(await verified(workspace, workspace.digest(old))).toBe(0);
  });
});

describe('a signature that the registry lost', () => {
  it.each(['the tag .sig', 'the bundle', 'the statement'])(
    '%s, is drift, and made again by who has the key',
    async (what) => {
      const workspace = await trusting().built(old);
      for (const level of ['dev', 'batch']) await workspace.promote(level, old);
      const digest = workspace.digest(old);
      const all = [signature, summary, '.sig'];
      expect(await signedBy(workspace, 'batch-1', digest)).toEqual(all);
      const registry = workspace.registry('batch');
      const { bundles } = unwrap(await readAttached({ registry, repository: 'stack', image: digest }));
      const lost = async (type: string) => {
        const { hint } = readPublicKey(readFileSync(join(workspace.root, 'trust/batch-1.pub'), 'utf8')) as {
          hint: string;
        };
        for (const { digest: each, envelope } of bundles)
          if (envelope.keyid === hint && JSON.parse(envelope.payload.toString('utf8')).predicateType === type)
            unwrap(await registry.deleteManifest('stack', each));
      };
      if (what === 'the bundle') await lost(signature);
      else if (what === 'the statement') await lost(summary);
      else
        unwrap(
          await registry.deleteManifest('stack', (await registry.resolve('stack', `sha256-${digest.slice(7)}.sig`))!),
        );
      const lacks = what === 'the statement' ? 'statement on' : 'signature for';
      const drift = `level-drift: batch/stack@${digest} lacks the promoter's ${lacks} ${old}`;
      const look = await workspace.refused('reconcile', '--dry-run');
      expect(look.problems).toEqual([expect.stringContaining(drift)]);
      const { DMREL_KEY_BATCH_1: _, ...poor } = workspace.env;
      const { out, code } = await workspace.runAs(poor, 'reconcile', '--level', 'batch');
      if (what !== 'the statement') {
        // Who has no key can tell, and no more.
        expect([code, out]).toEqual([
          1,
          expect.stringContaining(`${digest} lacks the promoter's signature for ${old}`),
        ]);
        expect((await workspace.runAs(poor, 'reconcile', '--dry-run')).err).toContain("where the promoter's key is");
        expect(await workspace.done('reconcile')).toBe('1 difference set right from the records\n');
      }
      expect(await signedBy(workspace, 'batch-1', digest)).toEqual(all);
      expect(await workspace.done('reconcile')).toBe('registries are as the records say\n');
      expect(await verified(workspace, digest)).toBe(0);
    },
  );
});

describe('a proof that is none', () => {
  /** Take away what a key signed of one kind, and give the bundles that were there. */
  async function take(workspace: LevelWorkspace, image: Digest, type: string) {
    const registry = workspace.registry('batch');
    const { hint } = readPublicKey(readFileSync(join(workspace.root, 'trust/batch-1.pub'), 'utf8')) as { hint: string };
    const { bundles } = unwrap(await readAttached({ registry, repository: 'stack', image }));
    const own = bundles.filter(
      ({ envelope: { keyid, payload } }) =>
        keyid === hint && JSON.parse(payload.toString('utf8')).predicateType === type,
    );
    for (const { digest } of own) unwrap(await registry.deleteManifest('stack', digest));
    return own.map(({ envelope }) => envelope);
  }

  it.each([signature, summary])('%s, gone from an image of one platform, is drift', async (type) => {
    const workspace = await trusting().built(old, newer);
    const [index, part] = (await anIndexOf(workspace, newer, old)) as [Digest, Digest];
    for (const level of ['dev', 'batch']) await workspace.promote(level, newer);
    await take(workspace, part, type);
    const { problems } = await workspace.refused('reconcile', '--dry-run');
    expect(problems).toEqual([expect.stringContaining(`level-drift: batch/stack@${index} lacks the promoter's`)]);
    expect(await workspace.done('reconcile')).toBe('1 difference set right from the records\n');
    expect(await signedBy(workspace, 'batch-1', part)).toEqual([signature, summary, '.sig']);
    expect(await workspace.done('reconcile')).toBe('registries are as the records say\n');
  });

  it('is one of the same words with another signature, and one of no words harms nothing', async () => {
    const workspace = await trusting().built(old);
    for (const level of ['dev', 'batch']) await workspace.promote(level, old);
    const digest = workspace.digest(old);
    const [envelope] = await take(workspace, digest, summary);
    const opened = unwrap(await openWorkspace(workspace.root, {}));
    const stranger = unwrap(await signerFor(opened, 'demoter', workspace.env))!;
    const attach = async (payload: Buffer, bytes: Buffer, keyid: string) => {
      const statement = JSON.parse(envelope!.payload.toString('utf8'));
      const signed = { envelope: { payload, signature: bytes, keyid }, publicKey: stranger.publicKey };
      const whole = { statement, text: '', digest, signed };
      unwrap(await attachStatement(workspace.registry('batch'), 'stack', digest, whole));
    };
    await attach(envelope!.payload, Buffer.from('junk'), envelope!.keyid);
    for (const none of ['null', '"text"', 'no JSON'])
      await attach(Buffer.from(none), Buffer.from(none), stranger.publicKey.hint);
    expect(await verified(workspace, digest)).toBe(1);
    const { problems } = await workspace.refused('reconcile', '--dry-run');
    expect(problems).toEqual([`level-drift: batch/stack@${digest} lacks the promoter's statement on ${old}`]);
    expect(await workspace.done('reconcile')).toBe('1 difference set right from the records\n');
    expect(await verified(workspace, digest)).toBe(0);
  });

  it('is one of a key that is trusted no more: only a gate gives another', async () => {
    const workspace = await trusting().built(old);
    for (const level of ['dev', 'batch']) await workspace.promote(level, old);
    const config = readFileSync(join(workspace.root, 'dmrel.yaml'), 'utf8');
    const revoked = `dev-1.pub, revoked: {on: "2018-05-03", reason: "it was lost"}}`;
    workspace.write('dmrel.yaml', config.replace('dev-1.pub}', revoked));
    workspace.commit();
    const { code, json } = await dmrelJson(workspace.root, ['reconcile', '--dry-run'], { env: workspace.env });
    expect([code, json.problems]).toEqual([
      1,
      [
        expect.objectContaining({
          message: `dev/stack@${workspace.digest(old)} has no statement of its promoter that counts on ${old}`,
          hint: `dmrel promote --level dev --release ${old}`,
        }),
      ],
    ]);
    const { out } = await workspace.run('reconcile');
    expect(out).toMatch(/^nothing was set right; 1 difference left alone\n/);
    expect(out).toContain(`on ${old}: dmrel promote --level dev --release ${old}\n`);
  });
});

describe('a hold where keys are trusted', () => {
  it('is signed, and so is its end', async () => {
    const workspace = await trusting().built(old);
    await workspace.done('hold', '--level', 'batch', ...because);
    const folder = join(workspace.root, 'levels/batch/evidence');
    expect(readdirSync(folder)).toEqual([`${workspace.level('batch').held!.statement!.slice(7)}.json`]);
    await workspace.done('release-hold', '--level', 'batch');
    expect(readdirSync(folder)).toHaveLength(2);
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
    expect(await workspace.done('validate')).not.toContain('error');
  });
});

describe('a promotion in an emergency', () => {
  const urgent = ['--emergency', '--reason', 'the disks are full', '--ref', 'RFC-373'];

  it('goes past the gate by a key of its own, and what is owed stays listed', async () => {
    const workspace = await trusting().built(old);
    const args = ['promote', '--level', 'batch', '--release', old];
    expect((await workspace.refused(...args)).code).toBe(1);
    const { DMREL_KEY_RESCUE_1: _, ...poor } = workspace.env;
    expect((await workspace.runAs(poor, ...args, ...urgent)).err).toContain("nobody can sign as 'rescue' here");
    const out = await workspace.done(...args, ...urgent);
    expect(out).toContain(`owed: ${old} does not stand at dev`);
    const promotion = workspace.release(old).promotions![0]!;
    expect(promotion).toMatchObject({
      emergency: { reason: 'the disks are full', ref: 'RFC-373', statement: expect.stringMatching(/^sha256:/) },
      owed: [{ kind: 'after', subject: 'dev', text: `${old} does not stand at dev` }],
    });
    const explained = await workspace.run('explain', '--level', 'batch', '--release', old);
    expect(explained.out).toMatch(/owed .*does not stand at dev/);
    const file = `releases/${old}/evidence/${promotion.emergency!.statement!.slice(7)}.json`;
    expect(git(workspace.root, 'ls-files', file)).toBe(file);
    expect(await verified(workspace, workspace.digest(old))).toBe(0);
    expect(git(workspace.root, 'status', '--porcelain')).toBe('');
  });

  it('wants a reason and a reference, and somebody who says so where no keys are trusted', async () => {
    const workspace = await LevelWorkspace.make().built(old);
    const args = ['promote', '--level', 'batch', '--release', old, '--emergency'];
    const codes = [];
    for (const more of [[], ['--reason', 'r'], ['--reason', 'r', '--ref', 'a b'], ['--reason', 'r', '--ref', 'RFC-1']])
      codes.push((await workspace.refused(...args, ...more)).code);
    expect(codes).toEqual([2, 2, 2, 2]);
    await workspace.done(...args, '--reason', 'r', '--ref', 'RFC-1', '--yes');
    expect(workspace.current('batch')).toEqual([old]);
  });
});
