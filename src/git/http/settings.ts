import { git } from '../command.ts';

/** What git is told by its configuration and its environment, in the order in which later overrides earlier. */
export interface Settings {
  entries: readonly (readonly [key: string, value: string])[];
  env: NodeJS.ProcessEnv;
}

/** Who is to talk to a URL, as far as git's settings say. */
export type Choice =
  | { use: 'git'; why: string }
  | {
      use: 'own';
      /** A file of certificate authorities, in the place of the usual ones. */
      caFile?: string;
      /** Whether each repository of a host may have a credential of its own. */
      credentialsByPath: boolean;
    };

/** One call of git for the whole process; undefined where git cannot tell. */
export async function readSettings(): Promise<Settings | undefined> {
  const listed = await git(['config', '--list', '-z']);
  if (listed.exitCode !== 0) return undefined;
  const entries = listed.stdout
    .split('\0')
    .filter((entry) => entry !== '')
    .map((entry) => {
      const newline = entry.indexOf('\n');
      // A key alone means true (git-config, "Syntax").
      return newline === -1
        ? ([entry, 'true'] as const)
        : ([entry.slice(0, newline), entry.slice(newline + 1)] as const);
    });
  return { entries, env: process.env };
}

/** Settings of `http.` that change nothing for this client, or only for what it leaves to git anyway (git-config). */
const harmless = new Set([
  ...['postbuffer', 'lowspeedlimit', 'lowspeedtime', 'maxrequests', 'minsessions', 'noepsv', 'ssltry', 'version'],
  ...['sslcertpasswordprotected', 'sslbackend', 'schannelcheckrevoke', 'schannelusesslcainfo', 'savecookies'],
  ...['proxyauthmethod', 'proxysslcertpasswordprotected', 'keepaliveidle', 'keepaliveinterval', 'keepalivecount'],
]);
/** Settings that have a value which changes nothing. */
const defaults: Record<string, RegExp> = {
  sslverify: /^(?:true|yes|on|1)$/i,
  followredirects: /^initial$/i,
  emptyauth: /^(?:auto|false|no|off|0)$/i,
  delegation: /^none$/i,
};

const variables = [
  ...['GIT_SSL_NO_VERIFY', 'GIT_SSL_CERT', 'GIT_SSL_KEY', 'GIT_SSL_CAPATH', 'GIT_SSL_VERSION', 'GIT_SSL_CIPHER_LIST'],
  ...['GIT_HTTP_USER_AGENT', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
];

/**
 * Whether git's settings ask for anything that this client does not do. Settings for other URLs do not count; where that
 * is not clear they do, and a setting that a later one takes back counts too: the git program is never wrong.
 */
export function choose({ entries, env }: Settings, url: URL): Choice {
  const git = (why: string): Choice => ({ use: 'git', why });
  let credentialsByPath = false;
  const caFiles = new Set<string>();

  for (const [key, value] of entries) {
    const [, section = '', subsection, name = ''] = /^([^.]*)\.(?:(.*)\.)?([^.]*)$/s.exec(key) ?? [];
    if (section === 'http' && value !== '' && (subsection === undefined || mayMatch(subsection, url))) {
      if (name === 'sslcainfo') caFiles.add(value);
      else if (!harmless.has(name) && !defaults[name]?.test(value)) return git(`http.${name}`);
    }
    if (section === 'url' && /^(?:push)?insteadof$/.test(name) && url.href.startsWith(value)) return git('insteadOf');
    if (section === 'protocol' && name === 'version' && value !== '2') return git('protocol.version');
    if (section === 'push' && name === 'pushoption') return git('push.pushOption');
    if (section === 'credential' && name === 'usehttppath' && !/^(?:false|no|off|0|)$/i.test(value))
      credentialsByPath = true;
  }
  const variable = variables.find((each) => env[each] !== undefined);
  if (variable !== undefined) return git(variable);
  const proxy = proxyVariable(env, url);
  if (proxy !== undefined) return git(proxy);

  const caFile = caFileOf(env, caFiles);
  if (caFile === null) return git('http.sslCAInfo');
  return { use: 'own', credentialsByPath, ...(caFile === undefined ? {} : { caFile }) };
}

/** null where it takes git to find the file. */
function caFileOf(env: NodeJS.ProcessEnv, configured: ReadonlySet<string>): string | undefined | null {
  if (env.GIT_SSL_CAINFO) return env.GIT_SSL_CAINFO;
  const [first, second] = configured;
  if (first === undefined) return undefined;
  return second === undefined && first.startsWith('/') ? first : null;
}

/** As curl reads them: `http_proxy` in small letters only. */
function proxyVariable(env: NodeJS.ProcessEnv, url: URL): string | undefined {
  const names = [
    ...(url.protocol === 'https:' ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy']),
    'all_proxy',
    'ALL_PROXY',
  ];
  const host = url.hostname.toLowerCase();
  const without = (env.no_proxy ?? env.NO_PROXY ?? '').toLowerCase().split(/[\s,]+/);
  const direct = without.some((entry) => {
    const domain = entry.replace(/^\./, '');
    return entry === '*' || (domain !== '' && (host === domain || host.endsWith(`.${domain}`)));
  });
  return direct ? undefined : names.find((name) => env[name]);
}

/** Whether a pattern of `http.<url>.*` may be meant for a URL (git-config, "http.<url>.*"); in doubt it is. */
function mayMatch(pattern: string, url: URL): boolean {
  const [, scheme, host, port, path] = /^(https?):\/\/([^/:@[\]]+)(?::([0-9]+))?(\/.*)?$/i.exec(pattern) ?? [];
  if (scheme === undefined || host === undefined) return true;
  if (`${scheme.toLowerCase()}:` !== url.protocol) return false;
  const standard = url.protocol === 'https:' ? '443' : '80';
  if ((port ?? standard) !== (url.port || standard)) return false;
  const labels = host.toLowerCase().split('.');
  const named = url.hostname.toLowerCase().split('.');
  if (labels.length !== named.length || !labels.every((label, index) => label === '*' || label === named[index]))
    return false;
  const within = (path ?? '/').replace(/\/+$/, '');
  return within === '' || within.includes('%') || url.pathname === within || url.pathname.startsWith(`${within}/`);
}
