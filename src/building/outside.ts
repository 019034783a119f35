import { openReference, requireImage } from '../levels/index.ts';
import { type Digest, Failure, nearest, type Problem } from '../support/index.ts';
import type { ImageDefinition, Workspace } from '../workspace/index.ts';
import type { NamedImage } from './dockerfile-uses.ts';
import type { ImagePlace } from './engine.ts';

type Found = ImagePlace & { digest: Digest };

/** Tags of images outside name what they name now: found once a run. */
const found = new WeakMap<Workspace, Map<string, Promise<Found>>>();

/**
 * Images of registries that a Dockerfile builds on: resolved here, so that the digest that was decided on is the one that
 * is built on. A name that is nearly an image of the workspace is taken for a slip.
 */
export async function resolveOutside(
  workspace: Workspace,
  image: ImageDefinition,
  named: readonly NamedImage[],
  problems: Problem[],
): Promise<Record<string, Found>> {
  const known = found.get(workspace) ?? new Map<string, Promise<Found>>();
  found.set(workspace, known);
  const outside: Record<string, Found> = {};
  for (const { name, problem: report } of named) {
    if (Object.hasOwn(image.parents, name)) continue;
    const slip = whySlip(name, workspace, image);
    if (slip !== undefined) {
      const message = `'${name}' is not an image that ${image.name} is built from`;
      problems.push(report('unknown-name', message, { offset: 0, hint: slip }));
      continue;
    }
    const asked = known.get(name) ?? resolve(workspace, name);
    known.set(name, asked);
    try {
      outside[name] = await asked;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      problems.push(
        ...(error.problems.map((each) => ({
          ...each,
          ...report(each.code, each.message),
          hint: each.hint,
        })) as Problem[]),
      );
    }
  }
  return outside;
}

function whySlip(name: string, workspace: Workspace, image: ImageDefinition): string | undefined {
  if (workspace.images.has(name)) return `list ${name} under 'from:' of ${image.name} in ${image.document.file}`;
  if (/[/:@]/.test(name)) return undefined;
  const known = [...Object.keys(image.parents), ...workspace.images.keys()];
  const near = nearest(name, known);
  if (near !== undefined) return `did you mean '${near}'?`;
  const choice = ['scratch', ...Object.keys(image.parents)].map((each) => `'${each}'`).join(', ');
  return `write one of ${choice}, list the image under 'from:', or name its registry: docker.io/library/${name}`;
}

async function resolve(workspace: Workspace, name: string): Promise<Found> {
  const reference = openReference(workspace, withHost(name), workspace.root);
  if (!reference.ok) throw new Failure(...reference.problems);
  const { registry, repository, tag, digest } = reference.value;
  const named = digest === undefined && tag === undefined ? { ...reference.value, tag: 'latest' } : reference.value;
  const resolved = await requireImage(named);
  if (!resolved.ok) throw new Failure(...resolved.problems);
  return { registry, repository, digest: resolved.value };
}

/** As docker reads it: what names no host is on Docker Hub, and there in `library` if it is one word. */
function withHost(name: string): string {
  const [first = '', ...rest] = name.split('/');
  if (rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')) return name;
  return rest.length === 0 ? `docker.io/library/${name}` : `docker.io/${name}`;
}
