import { isLayout, type Place, parseReference, parseRemoteAddress, readContents } from '../registry/index.ts';
import { type Digest, failed, ok, printable, problem, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { openHost, openLayoutAt, openRegistry, registryConfig } from './registry.ts';

/** An image, or a whole repository, and where it is. */
export interface ImageReference extends Place {
  tag?: string;
  digest?: Digest;
  /** The repository as it was named: `batch/stack`, `registry.example.org/batch/stack`. */
  name: string;
  /** Whether its parts get tags of their own; as the registry is without it. */
  keepTags?: boolean;
}

/**
 * `HOST/REPOSITORY[:TAG][@DIGEST]`, `layout:DIR:REPOSITORY…`, or with a registry of dmrel.yaml in the place of the host:
 * `batch/stack:w.2018.18`. Problem: `invalid-name`.
 */
export function openReference(workspace: Workspace | undefined, text: string, cwd: string): Result<ImageReference> {
  const slash = text.indexOf('/');
  const first = slash === -1 ? '' : text.slice(0, slash);
  const config = workspace && registryConfig(workspace, first);
  const parsed = parseReference(config ? `localhost/${text.slice(slash + 1)}` : text);
  if (!parsed.ok) {
    const hint = config ? parsed.problems[0]!.hint : whatToName(workspace, text, parsed.problems[0]!.hint);
    return failed(
      problem('invalid-name', `'${printable(text.slice(0, 300))}' is no image`, hint === undefined ? {} : { hint }),
    );
  }
  const { repository, tag, digest } = parsed.value;
  const registry = config
    ? openRegistry(workspace!, first)
    : parsed.value.kind === 'remote'
      ? openHost(workspace, parsed.value.host)
      : ok(openLayoutAt(cwd, parsed.value.directory));
  if (!registry.ok) return registry;
  const name =
    parsed.value.kind === 'layout'
      ? `layout:${parsed.value.directory}:${repository}`
      : `${config ? first : parsed.value.host}/${repository}`;
  return ok({
    registry: registry.value,
    repository,
    name,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
    ...(config?.keepTags === undefined ? {} : { keepTags: config.keepTags }),
  });
}

/** The registries of the workspace are offered only where the registry is what is wrong. */
function whatToName(workspace: Workspace | undefined, text: string, hint: string | undefined): string | undefined {
  const alone = text.replace(/\/$/, '');
  if (!alone.includes('/') && parseRemoteAddress(alone).ok)
    return `name a repository of it too, ${alone}/REPOSITORY: a registry does not tell which it has`;
  const known = Object.keys(workspace?.config.registries ?? {});
  const hasRegistry = text.startsWith('layout:') || parseRemoteAddress(text.split('/')[0]!).ok;
  return hasRegistry || known.length === 0 ? hint : `${hint}, or one of this workspace: ${known.join(', ')}`;
}

/** As it is written: a digest says more than a tag. */
export const referenceText = ({ name, tag, digest }: Pick<ImageReference, 'name' | 'tag' | 'digest'>): string =>
  `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;

/** The digest of an image that must be there. Problems: `usage`, `unknown-image`. */
export async function requireImage(reference: ImageReference): Promise<Result<Digest>> {
  const { registry, repository, tag, digest } = reference;
  const hint = `'dmrel image ls ${reference.name}' shows what is there`;
  if (digest !== undefined) {
    if (await isImage(reference, digest)) return ok(digest);
  } else {
    if (tag === undefined) {
      return failed(
        problem('usage', `${reference.name} is a repository; name an image of it, with a tag or a digest`, { hint }),
      );
    }
    const found = await registry.resolve(repository, tag);
    if (found) return ok(found);
  }
  return failed(problem('unknown-image', `there is no ${referenceText(reference)}`, { hint }));
}

/** A layout keeps manifests among all other content, so that whether it has one is only told by what it says. */
async function isImage({ registry, repository }: Place, digest: Digest): Promise<boolean> {
  if (!isLayout(registry)) return registry.hasManifest(repository, digest);
  const read = await registry.readManifest(repository, digest);
  const contents = read.ok ? readContents(read.value.bytes, digest, read.value.mediaType) : read;
  if (!contents.ok) return false;
  const { blobs, children, mediaType } = contents.value;
  return blobs.length + children.length > 0 || /manifest|index/.test(mediaType);
}
