import { clip, printable } from '../../support/index.ts';
import { isLinkLocal, schemeOf } from './hosts.ts';
import { type Trouble, unreachable, wrong } from './trouble.ts';

/** What may not be asked at all, whoever names it. */
export const offLimits = (host: string, url: URL): Trouble =>
  unreachable(`${host} leads to ${printable(clip(url.host, 200))}, where no registry is`, {
    hint: 'addresses of the link itself (169.254.0.0/16, fe80::/10) are not asked; look who runs that registry',
  });

/**
 * Where the registry sends us: nowhere without TLS from a place that has it, to no link-local address, with no password in
 * the URL.
 */
export function follow(location: string | undefined, from: URL, host: string, plainHttp: boolean): URL {
  const to = location !== undefined && URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const bad = (what: string) =>
    wrong(`${host} leads to ${what}`, {
      hint: 'that is not followed; look who runs that registry',
    });
  if (to === undefined) throw bad(location === undefined ? 'no place at all (Location is missing)' : 'what is no URL');
  const shown = printable(clip(`${to.protocol}//${to.host}`, 200));
  if (to.protocol !== 'https:' && to.protocol !== 'http:') throw bad(shown);
  if (to.username !== '' || to.password !== '') throw bad(`a URL with a password, at ${printable(clip(to.host, 200))}`);
  if (to.protocol === 'http:' && to.host !== from.host && !plainHttp && schemeOf(to.hostname) !== 'any')
    throw bad(`${shown}, without TLS`);
  if (to.protocol === 'http:' && from.protocol === 'https:') throw bad(`${shown}, from TLS to none`);
  if (to.host !== from.host && isLinkLocal(to.hostname)) throw offLimits(host, to);
  return to;
}
