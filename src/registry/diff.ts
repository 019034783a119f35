import type { Image } from './image.ts';
import type { Descriptor } from './registry.ts';

/** From one value to another; null where there is none. */
export interface Change {
  name: string;
  from: string | null;
  to: string | null;
}

export interface ImageDiff {
  /** Layers from the bottom, while they are the same: what a host that has the one need not fetch for the other. */
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
  const has = ({ layers }: Compared) => new Set(layers.map(({ digest }) => digest));
  const [before, after] = [has(from), has(to)];
  return {
    shared: to.layers.filter(({ digest }) => before.has(digest)),
    added: to.layers.filter(({ digest }) => !before.has(digest)),
    removed: from.layers.filter(({ digest }) => !after.has(digest)),
    config: changes(settingsOf(old), settingsOf(fresh)),
    env: changes(envOf(old), envOf(fresh)),
    labels: changes(textsOf(old.config?.Labels), textsOf(fresh.config?.Labels)),
  };
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
