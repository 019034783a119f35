import { afterAll, describe, expect, it } from '@jest/globals';
import { bindImageCopy, prepareImageCopy } from '../../src/imaging/index.ts';
import { openLayout, rememberingPlaces } from '../../src/registry/index.ts';
import { hexOf, unwrap } from '../../src/support/index.ts';
import { aDirectory, anArtifact, anImage, removeDirectories } from '../registry/images.ts';

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
