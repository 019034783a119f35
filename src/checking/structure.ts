import { listImageFiles, readImage, readLayerFiles } from '../registry/index.ts';
import { ok, parseSize, printable, type Result } from '../support/index.ts';
import type { StructureCheck } from '../workspace/index.ts';
import type { CheckPlace } from './checks.ts';
import { platformImages } from './platforms.ts';
import { findSecrets, isExcepted, searchedBytes } from './secrets.ts';
import { merge, type Verdict } from './verdict.ts';

export { parseSize };

/** What can be seen of an image without running it. */
export interface ImageFacts {
  labels: Record<string, string>;
  user: string;
  entrypoint: string[];
  size: number;
  /** Absolute paths of its files; asked for only when a check names some. */
  files: ReadonlySet<string>;
}

/** Look at an image without running it; where it is an index, at each platform's. */
export async function lookAtImage(check: StructureCheck, place: CheckPlace): Promise<Result<Verdict>> {
  const images = await platformImages(place);
  if (!images.ok) return images;
  const [only, ...others] = images.value;
  if (others.length === 0) return lookAtOne(check, only!);
  const verdicts: Verdict[] = [];
  for (const each of images.value) {
    const verdict = await lookAtOne(check, each);
    if (!verdict.ok) return verdict;
    const named = (list: readonly string[]) => list.map((text) => `${each.platform}: ${text}`);
    const { passed, warned, failed } = verdict.value;
    verdicts.push({ passed: named(passed), warned: named(warned), failed: named(failed) });
  }
  return ok(merge(verdicts));
}

/** Its configuration, the paths of its files, and what is in its layers. */
async function lookAtOne(check: StructureCheck, place: CheckPlace): Promise<Result<Verdict>> {
  const { registry, repository, digest } = place;
  const image = await readImage(registry, repository, digest);
  if (!image.ok) return image;
  const needsFiles = (check.present?.length ?? 0) + (check.absent?.length ?? 0) > 0;
  const files = needsFiles ? await listImageFiles(registry, repository, digest) : ok(new Map<string, unknown>());
  if (!files.ok) return files;
  const { config } = image.value.config as { config?: ImageSettings };
  const facts: ImageFacts = {
    labels: config?.Labels ?? {},
    user: config?.User ?? '',
    entrypoint: config?.Entrypoint ?? [],
    size: image.value.size,
    files: new Set(files.value.keys()),
  };
  const verdict = { warned: [], ...checkStructure(check, facts) };
  if (!check.noSecrets) return ok(verdict);
  const secrets = await secretsOf(check, place, image.value);
  return secrets.ok ? ok(merge([verdict, secrets.value])) : secrets;
}

interface ImageSettings {
  Labels?: Record<string, string>;
  User?: string;
  Entrypoint?: string[];
  Env?: string[];
}

/** So many are named; where there are more, somebody copied a home directory. */
const maxSecretsNamed = 20;

async function secretsOf(
  { noSecrets }: StructureCheck,
  { registry, repository }: CheckPlace,
  image: { config: unknown; layers: Parameters<typeof readLayerFiles>[2] },
): Promise<Result<Verdict>> {
  const except = typeof noSecrets === 'object' ? noSecrets.except : [];
  const found = new Set<string>();
  // Variables and the commands of the build are read by whoever pulls the image, too.
  const { config, history } = image.config as { config?: ImageSettings; history?: { created_by?: string }[] };
  const words = [...(config?.Env ?? []), ...(history ?? []).map(({ created_by }) => created_by ?? '')].join('\n');
  for (const what of findSecrets('', Buffer.from(words))) found.add(`its configuration has ${what}`);
  const read = await readLayerFiles(registry, repository, image.layers, searchedBytes, (path, beginning) => {
    if (isExcepted(path, except)) return;
    for (const what of findSecrets(path, beginning)) found.add(`${printable(path)} has ${what}`);
  });
  if (!read.ok) return read;
  const asked = 'no secrets';
  if (found.size === 0) return ok({ passed: [asked], warned: [], failed: [] });
  const named = [...found].slice(0, maxSecretsNamed).map((each) => `${asked}: ${each}`);
  const more = found.size - named.length;
  return ok({ passed: [], warned: [], failed: more > 0 ? [...named, `${asked}: and ${more} more`] : named });
}

/** Compare an image with what a structure check asks; each thing asked for, in words, passed or failed. */
export function checkStructure(check: StructureCheck, image: ImageFacts): { passed: string[]; failed: string[] } {
  const passed: string[] = [];
  const failed: string[] = [];
  const verdict = (holds: boolean, asked: string, found: string) =>
    void (holds ? passed.push(asked) : failed.push(`${asked}: ${found}`));

  for (const [label, wanted] of Object.entries(check.labels ?? {})) {
    const found = Object.hasOwn(image.labels, label) ? image.labels[label] : undefined;
    if (wanted === null) verdict(found !== undefined, `label ${label}`, 'not there');
    else verdict(found === wanted, `label ${label}=${wanted}`, found === undefined ? 'not there' : `is '${found}'`);
  }
  if (check.user !== undefined)
    verdict(image.user === check.user, `user ${check.user || '(none)'}`, `is '${image.user}'`);
  if (check.entrypoint !== undefined) {
    const same = JSON.stringify(image.entrypoint) === JSON.stringify(check.entrypoint);
    verdict(same, `entrypoint ${JSON.stringify(check.entrypoint)}`, `is ${JSON.stringify(image.entrypoint)}`);
  }
  for (const path of check.present ?? []) verdict(image.files.has(path), `${path} is there`, 'it is not');
  for (const path of check.absent ?? []) verdict(!image.files.has(path), `${path} is not there`, 'it is');
  const limit = check.maxSize === undefined ? undefined : parseSize(check.maxSize);
  if (limit !== undefined) verdict(image.size <= limit, `at most ${check.maxSize}`, `has ${image.size} bytes`);
  return { passed, failed };
}
