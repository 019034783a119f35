import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type History, isRefName, parseRemoteUrl, type RemoteUrl, readHistory } from '../git/index.ts';
import { transportsOf, type Workspace } from '../workspace/index.ts';
import type { ReleaseChanges } from './release-changes.ts';

export interface HistoriesOptions {
  signal: AbortSignal;
  /** How long one repository may take. */
  timeoutSeconds: number;
  jobs?: number;
}

/**
 * What lies between the commits of every moved product, asked of their remotes in parallel. One that cannot tell
 * holds up nothing else; a host that let one wait in vain, and never answered another, is not asked again.
 */
export async function readHistories(
  workspace: Pick<Workspace, 'root' | 'config'>,
  moved: ReleaseChanges['moved'],
  { signal, timeoutSeconds, jobs = 8 }: HistoriesOptions,
): Promise<Map<string, History>> {
  const histories = new Map<string, History>(moved.map(({ product }) => [product, unavailable('not asked')]));
  const scratch = await mkdtemp(join(tmpdir(), 'dmrel-history-'));
  const hosts = new Map<string, 'answered' | 'silent'>();
  const waiting = [...moved];
  const transports = transportsOf(workspace.config);

  const ask = async (url: RemoteUrl, { from, to }: ReleaseChanges['moved'][number]): Promise<History> => {
    if (hosts.get(url.host) === 'silent')
      return unavailable(`${url.display}: ${url.host} did not answer in time before`);
    const refs = [from.tag, to.tag].filter(isRefName).map((tag) => `refs/tags/${tag}`);
    const request = { scratch, from: from.commit, to: to.commit, refs };
    const history = await readHistory(url, request, { signal, timeoutSeconds });
    const silent = history.status === 'unavailable' && history.silent;
    if (!silent) hosts.set(url.host, 'answered');
    else if (!hosts.has(url.host) && url.host !== '') hosts.set(url.host, 'silent');
    return history;
  };
  const work = async () => {
    for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) {
      const url = parseRemoteUrl(next.to.url, { root: workspace.root, transports });
      histories.set(next.product, url.ok ? await ask(url.value, next) : unavailable(url.problems[0]!.message));
    }
  };
  try {
    await Promise.all(Array.from({ length: jobs }, work));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return histories;
}

const unavailable = (reason: string): History => ({ status: 'unavailable', reason, silent: false });
