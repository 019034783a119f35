import { canonicalJson, type Digest, digestOf } from '../support/index.ts';

/**
 * Everything that decides what comes out of a build; its digest tells whether anything changed. What a build only says of
 * itself is not among it (the release's name, the time): an image of the same inputs is the same image, whatever release
 * it was built for.
 */
export interface BuildInputs {
  /** The engine and the class of its version: another one may make other bytes. */
  engine: string;
  platforms: string[];
  dockerfile: Digest;
  target?: string;
  /** Of the directory's files, without those of .dockerignore, and with those that dmrel lays over it. */
  context: Digest;
  args: Record<string, string>;
  /** By the name that the Dockerfile calls them: images of the workspace, and any others. */
  parents: Record<string, Digest>;
  /** Commits of its products. */
  products: Record<string, string>;
}

export const inputsDigest = (inputs: BuildInputs): Digest => digestOf(canonicalJson(inputs));

/** What of two inputs differs, for people; the first that they would look for stands first. */
export function whatChanged(before: Partial<BuildInputs>, now: BuildInputs): string[] {
  const changes: string[] = [];
  if (before.dockerfile !== now.dockerfile) changes.push('its Dockerfile changed');
  if (before.context !== now.context) changes.push('its context changed');
  changes.push(
    ...mapChanges('argument', before.args ?? {}, now.args),
    ...mapChanges('parent', before.parents ?? {}, now.parents),
    ...mapChanges('product', before.products ?? {}, now.products),
  );
  if (before.target !== now.target) changes.push(`its target is ${now.target ?? 'the last stage'}`);
  if (before.engine !== now.engine) changes.push(`its engine is ${now.engine}, not ${before.engine ?? 'known'}`);
  if (canonicalJson(before.platforms ?? []) !== canonicalJson(now.platforms))
    changes.push(`its platforms are ${now.platforms.join(', ')}`);
  return changes;
}

function mapChanges(what: string, before: Record<string, string>, now: Record<string, string>): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
  const changed = names.filter((name) => before[name] !== now[name]);
  if (changed.length > 3) return [`${changed.length} ${what}s changed`];
  return changed.map((name) => {
    if (before[name] === undefined) return `the ${what} ${name} is new`;
    return now[name] === undefined ? `the ${what} ${name} is gone` : `the ${what} ${name} changed`;
  });
}
