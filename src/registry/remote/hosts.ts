/** The number of an IPv4 address as URLs write it, also inside of IPv6 (`::ffff:7f00:1`); undefined for all else. */
function parts(hostname: string): number[] | undefined {
  const bare = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const [, dotted] = /^(?:::ffff:)?([0-9]{1,3}(?:\.[0-9]{1,3}){3})$/.exec(bare) ?? [];
  if (dotted !== undefined) return dotted.split('.').map(Number);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(bare) ?? [];
  if (high === undefined || low === undefined) return undefined;
  return [high, low].map((each) => Number.parseInt(each, 16)).flatMap((each) => [each >> 8, each & 255]);
}

/** Addresses of this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || parts(hostname)?.[0] === 127;
}

/** Addresses that mean something on one link alone: where clouds tell machines their secrets (RFC 3927, RFC 4291 2.5.6). */
export function isLinkLocal(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const [first, second] = parts(hostname) ?? [];
  return (first === 169 && second === 254) || /^fe[89ab][0-9a-f]:/.test(bare) || bare === 'fd00:ec2::254';
}

/** Which protocols a host may speak when nothing else is said. */
export const schemeOf = (hostname: string): 'tls' | 'any' => (isLoopback(hostname) ? 'any' : 'tls');

const isHub = (host: string): boolean => host === 'docker.io' || host === 'index.docker.io';

/** Docker Hub's registry has another name than the images in it. */
export const apiHost = (host: string): string => (isHub(host) ? 'registry-1.docker.io' : host);

/** Docker Hub keeps the images that are called by one word, such as `busybox`, in `library/`. */
export const apiName = (host: string, name: string): string =>
  isHub(host) && !name.includes('/') ? `library/${name}` : name;
