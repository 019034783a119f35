import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type BuildInputs, inputsDigest } from '../../src/building/inputs.ts';
import {
  type BuildFacts,
  type BuildPlan,
  type ImageFacts,
  planBuild,
  type StoredImage,
} from '../../src/building/plan.ts';
import type { ReleasedImage, ReleaseRecord } from '../../src/releases/index.ts';
import { type Digest, digestOf, type Instant } from '../../src/support/index.ts';

const aRecord = (name: string, more: Partial<ReleaseRecord> = {}) =>
  ({ name, kind: 'weekly', date: `2018-05-${name.slice(-2)}`, products: {}, ...more }) as unknown as ReleaseRecord;
const record = aRecord('w.2018.18');
const next = aRecord('w.2018.19');

/** An image as it is defined: what it is built on, and what else goes into it. */
interface Spec {
  name: string;
  from: string[];
  own: Omit<BuildInputs, 'parents'>;
  tags?: string[];
}
const own = (more: Partial<BuildInputs> = {}): Spec['own'] => ({
  engine: 'assemble/1',
  platforms: ['linux/amd64'],
  dockerfile: digestOf('FROM scratch'),
  context: digestOf('files'),
  args: {},
  products: {},
  ...more,
});
const image = (name: string, from: string[] = [], more: Partial<BuildInputs> = {}): Spec => ({
  name,
  from,
  own: own({ context: digestOf(`files of ${name}`), ...more }),
});

/** A registry and the records beside it, as a row of builds leaves them; no bytes are needed to know what would be built. */
class World {
  stored = new Map<Digest, StoredImage>();
  tags = new Map<string, Digest>();
  records: ReleaseRecord[] = [];
  built: string[] = [];

  facts(specs: Spec[], release: ReleaseRecord, more: Partial<ImageFacts> = {}): ImageFacts[] {
    const facts: ImageFacts[] = [];
    for (const { name, from, own, tags = [release.name] } of specs) {
      const parents = from.map((parent) => facts.find((each) => each.name === parent)!);
      const known = parents.every(({ stored, forced }) => stored && !forced);
      const inputs = known && { ...own, parents: Object.fromEntries(parents.map((p) => [p.name, p.stored!.digest])) };
      const last = this.records.findLast((each) => each.images?.[name]);
      facts.push({
        name,
        from,
        inputs: inputs || undefined,
        stored: inputs ? this.stored.get(inputsDigest(inputs)) : undefined,
        released: this.records.find((each) => each.name === release.name)?.images?.[name],
        last: last && { release: last.name, inputs: this.said.get(`${last.name} ${name}`)! },
        tags: tags.map((tag) => ({ tag, names: this.tags.get(`${name}:${tag}`) })),
        aliases: [],
        forced: false,
        engine: { name: 'assemble', because: '' },
        ...more,
      });
    }
    return facts;
  }

  plan(specs: Spec[], release = record, more: Partial<ImageFacts> = {}, facts: Partial<BuildFacts> = {}): BuildPlan {
    return planBuild({
      operation: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
      at: '2018-05-03T00:00:00Z' as Instant,
      record: release,
      images: this.facts(specs, release, more),
      records: this.records,
      moveAliasesBack: false,
      changePromoted: false,
      publish: { recordIsCommitted: this.records.some((each) => each.name === release.name), upstream: undefined },
      problems: [],
      ...facts,
    });
  }

  private said = new Map<string, BuildInputs>();

  /** Carry a plan out. `make` says what comes out of a build. */
  run(
    specs: Spec[],
    release = record,
    make = (inputs: BuildInputs) => digestOf(`of ${inputsDigest(inputs)}`),
  ): string[] {
    const { details } = this.plan(specs, release);
    this.built = [];
    const images: Record<string, ReleasedImage> = {};
    for (const { name, from, own, tags = [release.name] } of specs) {
      const inputs = { ...own, parents: Object.fromEntries(from.map((parent) => [parent, images[parent]!.digest])) };
      let there = details.images[name]!.found ?? this.stored.get(inputsDigest(inputs));
      if (!there) {
        this.built.push(name);
        there = { digest: make(inputs), size: 1, builtFor: release.name };
        this.stored.set(inputsDigest(inputs), there);
      }
      for (const tag of tags) this.tags.set(`${name}:${tag}`, there.digest);
      this.said.set(`${release.name} ${name}`, inputs);
      const { digest, size } = there;
      const platforms = own.platforms;
      images[name] = { repository: `build/${name}`, digest, inputs: inputsDigest(inputs), size, platforms, tags };
    }
    this.records = [...this.records.filter((each) => each.name !== release.name), { ...release, images }];
    return this.built;
  }
}

/** base <- stack <- notebook, and db by itself */
const family = [image('base'), image('stack', ['base']), image('notebook', ['stack']), image('db')];
const changed = (specs: Spec[], name: string, more: Partial<BuildInputs>) =>
  specs.map((each) => (each.name === name ? { ...each, own: { ...each.own, ...more } } : each));
const having = (specs: Spec[], release = record): World => {
  const world = new World();
  world.run(specs, release);
  return world;
};
const toBuild = ({ details }: BuildPlan) =>
  Object.entries(details.images)
    .filter(([, { action }]) => action === 'build')
    .map(([name]) => name);
const actions = ({ steps }: BuildPlan) => Object.fromEntries(steps.map(({ id, action }) => [id, action]));
const reason = ({ details }: BuildPlan, name: string) => details.images[name]!.because;

describe('what there is to build', () => {
  it('is everything the first time, parents first, then the record, then tags, and the commit', () => {
    const made = new World().plan(family);
    expect(made.steps.map(({ id, needs }) => [id, needs])).toEqual([
      ['build:base', []],
      ['build:stack', ['build:base']],
      ['build:notebook', ['build:stack']],
      ['build:db', []],
      ['record', ['build:base', 'build:stack', 'build:notebook', 'build:db']],
      ['tag:base', ['record']],
      ['tag:stack', ['record']],
      ['tag:notebook', ['record']],
      ['tag:db', ['record']],
      ['commit', ['record', 'tag:base', 'tag:stack', 'tag:notebook', 'tag:db']],
    ]);
    expect(new Set(Object.values(actions(made)))).toEqual(new Set(['create']));
    expect(reason(made, 'base')).toBe('it was never built');
  });

  it('is nothing when nothing changed', () => {
    const publish = { recordIsCommitted: true, upstream: { name: 'origin/main', pending: false } };
    const made = having(family).plan(family, record, {}, { publish });
    expect(new Set(Object.values(actions(made)))).toEqual(new Set(['skip']));
    expect(made.steps.at(-1)).toMatchObject({ id: 'push', title: 'push to origin/main', needs: ['commit'] });
  });

  it.each<[keyof BuildInputs, unknown, string]>([
    ['engine', 'assemble/2', 'its engine is assemble/2, not assemble/1'],
    ['platforms', ['linux/arm64'], 'its platforms are linux/arm64'],
    ['dockerfile', digestOf('FROM base'), 'its Dockerfile changed'],
    ['context', digestOf('other files'), 'its context changed'],
    ['args', { MORE: '1' }, 'the argument MORE is new'],
    ['products', { afw: 'c1' }, 'the product afw is new'],
    ['target', 'small', 'its target is small'],
  ])('is an image whose %s changed, and all that are built on it', (key, value, why) => {
    const world = having(family);
    const db = world.plan(changed(family, 'db', { [key]: value }));
    expect([toBuild(db), reason(db, 'db')]).toEqual([['db'], why]);
    const base = world.plan(changed(family, 'base', { [key]: value }));
    expect(toBuild(base)).toEqual(['base', 'stack', 'notebook']);
    expect(reason(base, 'stack')).toBe('what it is built on is built');
  });

  it('tells several changes, and only how many there are where they are many', () => {
    const world = having(changed(family, 'db', { args: { A: '1', B: '1' }, products: { afw: 'c1', base: 'c1' } }));
    const two = world.plan(changed(family, 'db', { args: { A: '2' }, products: { afw: 'c2', base: 'c1' } }));
    expect(reason(two, 'db')).toBe('the argument A changed, the argument B is gone, and 1 more');
    expect(two.details.images.db!.changes!.at(-1)).toBe('the product afw changed');
    const many = world.plan(changed(family, 'db', { args: { C: '', D: '', E: '' } }));
    expect(many.details.images.db!.changes![0]).toBe('5 arguments changed');
  });

  it('is an image that gets another parent, though its files are the same', () => {
    const made = having(family).plan([...family.slice(0, 2), image('notebook', ['base']), family[3]!]);
    expect(toBuild(made)).toEqual(['notebook']);
    expect(reason(made, 'notebook')).toBe('the parent base is new, the parent stack is gone');
  });

  it('is no longer what is built on an image that came out as it was', () => {
    const world = having(family);
    // Another Dockerfile, the same image: a comment in it.
    const again = changed(family, 'base', { dockerfile: digestOf('# FROM scratch') });
    const same = [...world.stored.values()][0]!.digest;
    const make = (inputs: BuildInputs) => (inputs.dockerfile === again[0]!.own.dockerfile ? same : digestOf('x'));
    expect(world.run(again, record, make)).toEqual(['base']);
    expect(toBuild(world.plan(again))).toEqual([]);
  });

  it('is an image that the registry has lost, and what is built on it if it comes out as another', () => {
    const world = having(family);
    world.stored.delete(world.records[0]!.images!.base!.inputs);
    expect(reason(world.plan(family), 'base')).toBe('the registry has lost it');
    expect(world.run(family)).toEqual(['base']); // the same as before
    world.stored.delete(world.records[0]!.images!.base!.inputs);
    expect(world.run(family, record, (inputs) => digestOf(`later ${inputsDigest(inputs)}`))).toEqual([
      'base',
      'stack',
      'notebook',
    ]);
  });

  it('is whatever is forced', () => {
    const world = having(family);
    expect(toBuild(world.plan(family, record, { forced: true }))).toEqual(['base', 'stack', 'notebook', 'db']);
  });

  it('names the image that was there before, and the inputs of the one to come', () => {
    const world = having(family);
    const made = world.plan(changed(family, 'db', { context: digestOf('new') }));
    const step = made.steps.find(({ id }) => id === 'build:db');
    const before = world.records[0]!.images!.db!;
    expect(step).toMatchObject({ from: before.digest, to: made.details.images.db!.inputs });
    expect(step!.to).not.toBe(before.inputs);
  });

  it('does not depend on the order in which arguments are written', () => {
    const [one, two] = [own({ args: { A: '1', B: '2' } }), own({ args: { B: '2', A: '1' } })];
    expect(inputsDigest({ ...one, parents: {} })).toBe(inputsDigest({ ...two, parents: {} }));
  });

  it('is only the commit, or only the push, where a former run was ended before it', () => {
    const world = having(family);
    const left = (recordIsCommitted: boolean) => {
      const publish = { recordIsCommitted, upstream: { name: 'origin/main', pending: true } };
      const { steps } = world.plan(family, record, {}, { publish });
      return steps.filter(({ action }) => action !== 'skip').map(({ id }) => id);
    };
    expect(left(false)).toEqual(['commit', 'push']);
    expect(left(true)).toEqual(['push']);
  });

  it('is only the record, where a former run built all and was ended before it wrote that down', () => {
    const world = having(family);
    world.records = [];
    const made = world.plan(family);
    expect(toBuild(made)).toEqual([]);
    expect(made.steps.filter(({ action }) => action !== 'skip').map(({ id }) => id)).toEqual(['record', 'commit']);
  });

  it('is only tags, where a former run was ended when it had written the record', () => {
    const world = having(family);
    world.tags.delete('db:w.2018.18');
    const publish = { recordIsCommitted: true, upstream: undefined };
    const { steps } = world.plan(family, record, {}, { publish });
    expect(steps.filter(({ action }) => action !== 'skip').map(({ id }) => id)).toEqual(['tag:db']);
  });

  it('goes into no record where the images stay here', () => {
    const { steps } = new World().plan(family, record, {}, { publish: undefined });
    const names = ['base', 'stack', 'notebook', 'db'];
    const [built, tagged] = ['build', 'tag'].map((verb) => names.map((name) => `${verb}:${name}`)) as [
      string[],
      string[],
    ];
    expect(steps.map(({ id }) => id)).toEqual([...built, ...tagged]);
    expect(steps.at(-1)!.needs).toEqual(['build:db']);
  });

  it('is no image that the release was promoted with, unless somebody says so', () => {
    const world = having(family);
    const { digest } = world.records[0]!.images!.db!;
    const promotion = {
      level: 'batch',
      at: '2018-05-03T00:00:00Z' as Instant,
      by: 'x',
      operation: 'o',
      images: { db: digest },
    };
    const promoted = { ...world.records[0]!, promotions: [promotion] };
    const edited = changed(family, 'db', { context: digestOf('new') });
    const codes = (specs: Spec[], facts: Partial<BuildFacts> = {}) =>
      world.plan(specs, promoted, {}, facts).problems.map(({ code, subject }) => [code, subject]);
    expect(codes(edited)).toEqual([['release-in-use', 'db']]);
    expect(codes(edited, { changePromoted: true })).toEqual([]);
    expect(codes(edited, { publish: undefined })).toEqual([]);
    expect(codes(family)).toEqual([]);
    expect(codes(changed(family, 'base', { context: digestOf('new') }))).toEqual([]);
  });

  it('tells its problems on', () => {
    const found = { code: 'context-invalid', severity: 'error', message: 'm' } as const;
    expect(new World().plan(family, record, {}, { problems: [found] }).problems).toEqual([found]);
  });
});

describe('the next release of the same', () => {
  it('gets the images of the last one by its tags, and nothing is built', () => {
    const made = having(family).plan(family, next);
    expect(toBuild(made)).toEqual([]);
    expect(Object.values(made.details.images).map(({ action }) => action)).toEqual(Array(4).fill('retag'));
    expect(made.steps.find(({ id }) => id === 'tag:base')).toMatchObject({
      title: 'retag base: nothing changed, it is the one of w.2018.18',
      action: 'create',
      from: null,
    });
    expect(made.details.images.base).toMatchObject({ found: { builtFor: 'w.2018.18' }, retag: ['w.2018.19'] });
  });

  it('builds what has other commits in it, and says which', () => {
    const with18 = changed(family, 'stack', { products: { afw: 'c1', base: 'c1' } });
    const with19 = changed(family, 'stack', { products: { afw: 'c2', base: 'c1' } });
    const made = having(with18).plan(with19, next);
    expect(toBuild(made)).toEqual(['stack', 'notebook']);
    expect(reason(made, 'stack')).toBe('the product afw changed');
  });

  it('moves a tag that names another image', () => {
    const world = having(family);
    world.tags.set('db:w.2018.18', digestOf('somebody else'));
    const made = world.plan(family);
    expect(made.steps.find(({ id }) => id === 'tag:db')).toMatchObject({
      action: 'move',
      from: digestOf('somebody else'),
      to: world.records[0]!.images!.db!.digest,
    });
  });
});

describe('tags that follow releases', () => {
  const alias = (names?: Digest) => [{ tag: 'w_latest', kinds: ['weekly' as const], names }];
  const step = ({ steps }: BuildPlan) => steps.find(({ id }) => id === 'alias:db:w_latest');

  it('follow a release that has an image', () => {
    const world = having(family);
    const made = world.plan(family, next, { aliases: alias(digestOf('older')) });
    expect(step(made)).toMatchObject({ action: 'move', from: digestOf('older'), needs: ['tag:db'] });
    expect(step(world.plan(family, next, { aliases: alias() }))).toMatchObject({ action: 'create' });
  });

  it('never move back behind a newer release, unless they are told to', () => {
    const world = having(family, next);
    const made = world.plan(changed(family, 'db', { args: { X: '1' } }), record, { aliases: alias(digestOf('of 19')) });
    expect(step(made)).toMatchObject({
      action: 'skip',
      title: 'leave w_latest of db where it is: w.2018.19 is newer',
      to: digestOf('of 19'),
    });
    const told = world.plan(family, record, { aliases: alias(digestOf('of 19')) }, { moveAliasesBack: true });
    expect(step(told)).toMatchObject({ action: 'move' });
  });

  it('go by versions among official releases: a patch of an old one is older, though it was made later', () => {
    const old = aRecord('98.0.1', { kind: 'release', date: '2018-09-01' as ReleaseRecord['date'] });
    const high = aRecord('99.0.0', { kind: 'release', date: '2018-05-01' as ReleaseRecord['date'] });
    const aliases = [{ tag: 'o_latest', kinds: ['release' as const], names: digestOf('of 99') }];
    const made = having(family, high).plan(family, old, { aliases });
    expect(made.steps.find(({ id }) => id === 'alias:db:o_latest')).toMatchObject({ action: 'skip' });
  });

  it('heed only releases of their kinds, and only those that have the image', () => {
    const daily = aRecord('d.2018.05.20', { kind: 'daily' });
    expect(step(having(family, daily).plan(family, record, { aliases: alias(digestOf('x')) }))).toMatchObject({
      action: 'move',
    });
    const without = having(family.slice(0, 3), next);
    expect(step(without.plan(family, record, { aliases: alias(digestOf('x')) }))).toMatchObject({ action: 'move' });
  });

  it('are left alone when they name it already', () => {
    const world = having(family);
    const { digest } = world.records[0]!.images!.db!;
    expect(step(world.plan(family, record, { aliases: alias(digest) }))).toMatchObject({
      action: 'skip',
      from: digest,
    });
  });
});

describe('whatever is built on what', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  /** Each may be built on those before it. */
  const anyFamily = fc
    .tuple(...names.map((_, index) => fc.subarray(names.slice(0, index))))
    .map((parents) => names.map((name, index) => image(name, parents[index]!)));
  const descendantsOf = (specs: Spec[], name: string) => {
    const found = new Set([name]);
    for (const each of specs) if (each.from.some((parent) => found.has(parent))) found.add(each.name);
    return names.filter((each) => found.has(each));
  };

  it('a change is built upwards: exactly the image and its descendants, and then nothing', () => {
    fc.assert(
      fc.property(anyFamily, fc.constantFrom(...names), (specs, name) => {
        const world = having(specs);
        const other = changed(specs, name, { context: digestOf('changed') });
        expect(toBuild(world.plan(other))).toEqual(descendantsOf(specs, name));
        expect(world.run(other)).toEqual(descendantsOf(specs, name));
        expect(toBuild(world.plan(other))).toEqual([]);
        expect(world.run(specs)).toEqual([]); // and back: all of it is still there
      }),
    );
  });

  it('every step comes after those it needs, and builds need what they are built on alone', () => {
    fc.assert(
      fc.property(anyFamily, (specs) => {
        const { steps } = new World().plan(specs);
        for (const [index, { id, needs = [] }] of steps.entries()) {
          const before = steps.slice(0, index).map((each) => each.id);
          expect(before).toEqual(expect.arrayContaining(needs));
          const spec = specs.find(({ name }) => id === `build:${name}`);
          if (spec) expect(needs).toEqual(spec.from.map((parent) => `build:${parent}`));
        }
      }),
    );
  });

  it('a row of releases builds each set of inputs once, wherever one was built', () => {
    const change = fc.tuple(fc.constantFrom(...names), fc.integer({ min: 0, max: 2 }));
    fc.assert(
      fc.property(anyFamily, fc.array(change, { minLength: 1, maxLength: 6 }), (specs, changes) => {
        const world = new World();
        const seen = new Set<string>();
        let now = specs;
        for (const [week, [name, files]] of changes.entries()) {
          now = changed(now, name, { context: digestOf(`${name} ${files}`) });
          world.run(now, aRecord(`w.2018.${10 + week}`));
          for (const each of world.built) {
            const inputs = world.records.at(-1)!.images![each]!.inputs;
            expect(seen).not.toContain(inputs);
            seen.add(inputs);
          }
        }
      }),
    );
  });
});
