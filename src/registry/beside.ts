import { canonicalJson, type Digest, digestOf, unwrap } from '../support/index.ts';
import { all, type lanes } from './lanes.ts';
import { parseManifest } from './manifest.ts';
import { once } from './once.ts';
import type { Place } from './place.ts';
import type { Manifest, Referrer } from './registry.ts';
import { sidecarTags } from './sidecars.ts';
import { tagNamesOf } from './tag-names.ts';

/** What belongs to the images of a repository, each thing asked once. */
export class Beside {
  readonly #place: Place;
  readonly #lane: ReturnType<typeof lanes>;
  readonly #referrers = new Map<Digest, Promise<Referrer[]>>();
  readonly #names: () => Promise<ReadonlySet<string>>;

  constructor(place: Place, lane: ReturnType<typeof lanes>) {
    this.#place = place;
    this.#lane = lane;
    this.#names = tagNamesOf(place, lane);
  }

  referrersOf(subject: Digest): Promise<Referrer[]> {
    const { registry, repository } = this.#place;
    const names = this.#names(); // before those that wait for it: they keep their lanes meanwhile
    names.catch(() => {});
    const ask = () => registry.listReferrers(repository, subject, names);
    return once(this.#referrers, subject, async () => unwrap(await this.#lane(ask)));
  }

  /** What a tag names. A list of tags that is empty, though there is an image, is not believed. */
  async named(tag: string): Promise<Digest | undefined> {
    const { registry, repository } = this.#place;
    const names = await this.#names();
    if (names.size > 0 && !names.has(tag)) return undefined;
    return this.#lane(() => registry.resolve(repository, tag));
  }

  /** Whether nothing belongs to an image. */
  async isNothing(digest: Digest): Promise<boolean> {
    if ((await this.referrersOf(digest)).length > 0) return false;
    const found = await all(sidecarTags(digest).map((tag) => this.named(tag)));
    return found.every((each) => each === undefined);
  }
}

/** Whether all that is signed or said in one sidecar is said in another, so that it can take its place (cosign adds a layer for each). */
export function saysAllOf(one: Manifest, other: Manifest): boolean {
  const [said, due] = [one, other].map(statementsIn);
  return said !== undefined && due?.every((each) => said.includes(each)) === true;
}

/**
 * What a sidecar says, each thing with all that makes it what it is: cosign has the signature itself in an annotation.
 * Undefined of what is no list of such things. The configuration lists the layers: it differs whenever they do.
 */
function statementsIn({ bytes }: Manifest): string[] | undefined {
  const manifest = parseManifest(bytes, digestOf(bytes));
  const { layers } = manifest.ok ? manifest.value : {};
  return Array.isArray(layers) && layers.length > 0 ? layers.map(canonicalJson) : undefined;
}
