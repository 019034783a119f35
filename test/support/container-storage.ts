import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ContainerStorage {
  /** The environment in which buildah, podman and skopeo keep everything in one directory. */
  env: NodeJS.ProcessEnv;
  remove(): void;
}

/**
 * Where buildah and podman keep images, apart from the user's own. Without a kernel's help (`vfs`, `chroot`), which
 * works in any machine that is root's.
 * @param folder an existing one
 */
export function containerStorage(folder: string): ContainerStorage {
  const [graph, run, conf] = ['storage', 'run', 'storage.conf'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(conf, `[storage]\ndriver = "vfs"\ngraphroot = "${graph}"\nrunroot = "${run}"\n`);
  return {
    env: { ...process.env, CONTAINERS_STORAGE_CONF: conf, BUILDAH_ISOLATION: 'chroot' },
    remove: () => {
      for (const each of [graph, run]) rmSync(each, { recursive: true, force: true });
    },
  };
}
