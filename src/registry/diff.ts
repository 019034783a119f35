import type { Digest } from '../support/index.ts';
import type { Image } from './image.ts';
import type { Descriptor } from './registry.ts';

/** From one value to another; null where there is none. */
export interface Change {
  name: string;
  from: string | null;
  to: string | null;
}

export interface ImageDiff {
  /** Layers that both have, wherever they stand; one that an image has twice is two of them. */
  shared: Descriptor[];
  added: Descriptor[];
  removed: Descriptor[];
  /** User, entry point, and the like. */
  config: Change[];
  env: Change[];
  labels: Change[];
}

interface Config {
  os?: unknown;
  architecture?: unknown;
  variant?: unknown;
  config?: Record<string, unknown> | null;
}

type Compared = Omit<Image, 'configuration'>;

const compared = ['User', 'Entrypoint', 'Cmd', 'WorkingDir', 'StopSignal', 'ExposedPorts', 'Volumes'] as const;

/** What is different between two images of one platform. Pure. */
export function diffImages(from: Compared, to: Compared): ImageDiff {
  const [old, fresh] = [from.config as Config, to.config as Config];
  const { shared, rest: added } = compareLayers(to.layers, from.layers);
  return {
    shared,
    added,
    removed: compareLayers(from.layers, to.layers).rest,
    config: changes(settingsOf(old), settingsOf(fresh)),
    env: changes(envOf(old), envOf(fresh)),
    labels: changes(textsOf(old.config?.Labels), textsOf(fresh.config?.Labels)),
  };
}

/** Each of `others` stands for one layer, so that the second of two equal ones is not taken for the first. */
function compareLayers(
  layers: readonly Descriptor[],
  others: readonly Descriptor[],
): { shared: Descriptor[]; rest: Descriptor[] } {
  const left = new Map<Digest, number>();
  for (const { digest } of others) left.set(digest, (left.get(digest) ?? 0) + 1);
  const [shared, rest]: [Descriptor[], Descriptor[]] = [[], []];
  for (const layer of layers) {
    const times = left.get(layer.digest) ?? 0;
    left.set(layer.digest, times - 1);
    (times > 0 ? shared : rest).push(layer);
  }
  return { shared, rest };
}

function settingsOf({ os, architecture, variant, config }: Config): Record<string, string> {
  const platform = [os, architecture, variant].filter((part) => typeof part === 'string' && part !== '').join('/');
  const given = compared.flatMap((name) => {
    const value = config?.[name];
    const empty = value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
    return empty ? [] : [[name, typeof value === 'string' ? value : JSON.stringify(value)] as const];
  });
  return { ...(platform ? { Platform: platform } : {}), ...Object.fromEntries(given) };
}

function envOf({ config }: Config): Record<string, string> {
  const env = Array.isArray(config?.Env) ? config.Env : [];
  return Object.fromEntries(
    env
      .filter((each) => typeof each === 'string')
      .map((each) => {
        const equals = each.indexOf('=');
        return equals === -1 ? [each, ''] : [each.slice(0, equals), each.slice(equals + 1)];
      }),
  );
}

/** Labels of an image, as far as they are text. */
export function textsOf(map: unknown): Record<string, string> {
  if (map === null || typeof map !== 'object') return {};
  return Object.fromEntries(
    Object.entries(map).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function changes(from: Record<string, string>, to: Record<string, string>): Change[] {
  const at = (map: Record<string, string>, name: string) => (Object.hasOwn(map, name) ? map[name]! : null);
  return [...new Set([...Object.keys(from), ...Object.keys(to)])]
    .sort()
    .map((name) => ({ name, from: at(from, name), to: at(to, name) }))
    .filter((change) => change.from !== change.to);
}
