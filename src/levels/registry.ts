import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type ImageRegistry,
  openLayout,
  openRemoteRegistry,
  parseRegistryAddress,
  parseRemoteAddress,
  type RemoteOptions,
  withPrefix,
} from '../registry/index.ts';
import { didYouMean, failed, ok, pathWithin, problem, type Result } from '../support/index.ts';
import type { RegistryConfig, Workspace } from '../workspace/index.ts';

/** Registries that were opened for a workspace, whole: what is in two of its parts need not be moved, and logs in once. */
const opened = new WeakMap<Workspace, Map<string, ImageRegistry>>();

/** What dmrel.yaml says of a registry. */
export function registryConfig(workspace: Workspace, name: string): RegistryConfig | undefined {
  const { registries = {} } = workspace.config;
  const config = Object.hasOwn(registries, name) ? registries[name] : undefined;
  return typeof config === 'string' ? { address: config } : config;
}

/** A registry of dmrel.yaml, opened: a layout inside the workspace, or one that is reached over the network. */
export function openRegistry(workspace: Workspace, name: string): Result<ImageRegistry> {
  const config = registryConfig(workspace, name);
  if (config === undefined) {
    const known = Object.keys(workspace.config.registries ?? {});
    const hint =
      didYouMean(name, known) ?? `add '${name}: layout:.dmrel/registry/${name}' under 'registries:' in dmrel.yaml`;
    return failed(
      problem('workspace-lacks', `this workspace names no registry '${name}'`, { at: { file: 'dmrel.yaml' }, hint }),
    );
  }
  return config.address.startsWith('layout:') ? openOwnLayout(workspace, name, config) : openRemote(workspace, config);
}

function openOwnLayout(workspace: Workspace, name: string, { address }: RegistryConfig): Result<ImageRegistry> {
  const parsed = parseRegistryAddress(address);
  if (!parsed.ok) return parsed;
  const directory = pathWithin(workspace.root, parsed.value.directory);
  if (directory !== undefined) return ok(openLayout(directory, address));
  const message = `registry '${name}' leads out of the workspace: ${address}`;
  return failed(problem('unsafe-path', message, { at: { file: 'dmrel.yaml' }, hint: 'name a directory inside it' }));
}

function openRemote(workspace: Workspace, config: RegistryConfig): Result<ImageRegistry> {
  const parsed = parseRemoteAddress(config.address);
  if (!parsed.ok) return parsed;
  const { host, prefix } = parsed.value;
  const registry = openHost(workspace, host, config);
  if (!registry.ok || prefix === undefined) return registry;
  return ok(withPrefix(registry.value, prefix));
}

/** The whole registry of a host, as one of dmrel.yaml has it. */
export function openHost(
  workspace: Workspace | undefined,
  host: string,
  config?: RegistryConfig,
): Result<ImageRegistry> {
  const settings = config ?? (workspace && settingsOf(workspace, host));
  const known = (workspace && opened.get(workspace)) ?? new Map<string, ImageRegistry>();
  if (workspace) opened.set(workspace, known);
  const { ca, plainHttp } = settings ?? {};
  const key = JSON.stringify([host, ca, plainHttp]);
  const before = known.get(key);
  if (before) return ok(before);
  const options: RemoteOptions = plainHttp === undefined ? {} : { plainHttp };
  if (ca !== undefined && workspace) {
    const path = pathWithin(workspace.root, ca);
    const hint = 'name a file inside it';
    if (path === undefined) return failed(problem('unsafe-path', `${ca} leads out of the workspace`, { hint }));
    try {
      options.ca = readFileSync(path);
    } catch {
      return failed(problem('file-unreadable', `${ca} cannot be read`, { at: { file: ca } }));
    }
  }
  const registry = openRemoteRegistry(host, options);
  known.set(key, registry);
  return ok(registry);
}

/** A host that is named without its settings has those of the registry in dmrel.yaml. */
function settingsOf(workspace: Workspace, host: string): RegistryConfig | undefined {
  return Object.keys(workspace.config.registries ?? {})
    .map((name) => registryConfig(workspace, name)!)
    .find(({ address }) => address.split('/')[0] === host);
}

/** A layout that somebody names on a command line: anywhere. */
export const openLayoutAt = (cwd: string, directory: string): ImageRegistry =>
  openLayout(resolve(cwd, directory), `layout:${directory}`);
