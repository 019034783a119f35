import { afterAll, describe, expect, it } from '@jest/globals';
import { bindImageCopy, prepareImageCopy } from '../../src/imaging/index.ts';
import { keepTag, openLayout, rememberingPlaces } from '../../src/registry/index.ts';
import { type Digest, hexOf, unwrap } from '../../src/support/index.ts';
import { aDirectory, anArtifact, anImage, anIndex, removeDirectories } from '../registry/images.ts';

afterAll(removeDirectories);

const now = new Date('2018-05-03T00:00:00Z');
const signal = new AbortController().signal;

async function twoPlaces(tag: string) {
  const [source, target] = [openLayout(await aDirectory()), openLayout(await aDirectory())];
  const places = rememberingPlaces(
    { registry: source, repository: 'stack', tag, name: 'one/stack' },
    { registry: target, repository: 'stack', tag, name: 'two/stack' },
  );
  return { source, target, request: { ...places, allTags: false, repair: false, now } };
}

describe('a copy of an image', () => {
  it.each([
    ['w.2018.18', 'failed'],
    ['latest', 'done'],
  ])('finds out that %s was given to another image meanwhile: %s', async (tag, outcome) => {
    const { source, target, request } = await twoPlaces(tag);
    unwrap(await source.tag('stack', tag, await anImage(source, 'stack', [{ a: 'ours' }])));
    const theirs = await anImage(target, 'stack', [{ a: 'theirs' }]);
    const plan = unwrap(await prepareImageCopy(request));
    expect(plan.problems).toEqual([]);
    const { steps } = bindImageCopy(request, plan, { signal });
    const [copy, name] = steps;
    expect(await copy!.apply(signal)).toEqual({ status: 'done' });
    unwrap(await target.tag('stack', tag, theirs));
    expect(await name!.apply(signal)).toMatchObject({
      status: outcome,
      ...(outcome === 'failed' ? { problem: { code: 'image-conflict' } } : {}),
    });
    expect((await target.resolve('stack', tag)) === theirs).toBe(outcome === 'failed');
  });

  it('says which sidecars are something else there, each time', async () => {
    const { source, target, request } = await twoPlaces('latest');
    const image = await anImage(source, 'stack', [{ a: '1' }]);
    unwrap(await source.tag('stack', 'latest', image));
    const sidecar = `sha256-${hexOf(image)}.sig`;
    unwrap(await source.tag('stack', sidecar, await anArtifact(source, 'stack', { layers: ['ours'] })));
    unwrap(await target.tag('stack', sidecar, await anArtifact(target, 'stack', { layers: ['theirs'] })));
    const plan = unwrap(await prepareImageCopy(request));
    const said = { code: 'image-conflict', severity: 'warning', subject: sidecar };
    expect(plan.problems).toMatchObject([
      { ...said, hint: expect.stringContaining(`one/stack:${sidecar} two/stack:`) },
    ]);
    for (const step of bindImageCopy(request, plan, { signal }).steps)
      expect(await step.apply(signal)).toEqual({ status: 'done' });
    expect(unwrap(await prepareImageCopy(request)).problems).toMatchObject([said]);
  });
});

describe('a copy of every tag', () => {
  it('leaves out only what comes with an image', async () => {
    const { source, target, request } = await twoPlaces('');
    const { tag: _from, ...from } = request.from;
    const { tag: _to, ...to } = request.to;
    const sidecar = (name: string) => anArtifact(source, 'stack', { layers: [name] });
    const part = await anImage(source, 'stack', [{ a: 'part' }]);
    const index = await anIndex(source, 'stack', [part]);
    const signature = await sidecar('signature');
    const untagged = await anImage(source, 'stack', [{ a: 'no tag' }]);
    const named: [string, Digest][] = [
      ['latest', index],
      [keepTag(part), part],
      [`sha256-${hexOf(index)}.sig`, signature],
      [`sha256-${hexOf(part)}.sbom`, await sidecar('of a part')],
      [`sha256-${hexOf(signature)}.att`, await sidecar('of a signature')],
      [`sha256-${hexOf(untagged)}.sig`, await sidecar('of what has no tag')],
      [`sha256-${hexOf(index)}.vex`, await sidecar('of a kind that nobody knows here')],
      [`inputs-${hexOf(part)}`, part],
    ];
    for (const [tag, digest] of named) unwrap(await source.tag('stack', tag, digest));
    const all = { ...request, from, to, allTags: true };
    const plan = unwrap(await prepareImageCopy(all));
    const [latest, , , , , orphan, unknown, inputs] = named.map(([tag]) => tag);
    expect(plan.details.images.flatMap(({ tags }) => tags).sort()).toEqual([latest, orphan, unknown, inputs].sort());
    for (const step of bindImageCopy(all, plan, { signal }).steps)
      expect(await step.apply(signal)).toEqual({ status: 'done' });
    for (const [tag, digest] of named.filter(([name]) => name !== keepTag(part)))
      expect([tag, await target.resolve('stack', tag)]).toEqual([tag, digest]);
    expect(unwrap(await prepareImageCopy(all)).steps.map(({ action }) => action)).not.toContain('create');
  });
});
