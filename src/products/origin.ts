import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeUtf8 } from '../documents/index.ts';
import { clip, failed, ok, pathWithin, printable, problem, type Result, readFileBounded } from '../support/index.ts';
import { type Access, download } from './download.ts';

/** Where files of one kind are: a directory of the workspace, or one of a server. */
export type Origin = { kind: 'directory'; path: string; display: string } | { kind: 'server'; base: URL };

const maxBytes = 4 * 2 ** 20;
const loopback = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/;
/** White space, control characters, what is not seen or turns text around. */
const unseen = /[\s\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u;

/** What `products: manifests:` and `eupsTags:` say. Problems: `unsafe-path`, `unsafe-url`. */
export function parseOrigin(root: string, text: string): Result<Origin> {
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)) return parseServer(text);
  const path = pathWithin(root, text);
  if (path !== undefined) return ok({ kind: 'directory', path, display: text.replace(/(?<=[^/])\/+$/, '') });
  const hint = 'name a directory of the workspace, or an https:// URL';
  return failed(problem('unsafe-path', `'${printable(clip(text, 200))}' leads out of the workspace`, { hint }));
}

function parseServer(text: string): Result<Origin> {
  // What stands before the last @ may be a password.
  const clean = printable(clip(text.replace(/^([A-Za-z0-9+.-]+:\/\/).*@/s, '$1').replace(/[?#].*$/s, ''), 200));
  const refuse = (why: string, hint = 'expected https://HOST/PATH'): Result<never> =>
    failed(problem('unsafe-url', `'${clean}' ${why}`, { hint }));
  if (unseen.test(text) || text.includes('\\')) return refuse('has white space or characters that no URL has');
  if (!URL.canParse(text)) return refuse('is no URL');
  const base = new URL(text);
  if (text.includes('@')) return refuse('carries credentials', 'take out what stands before the @; files are public');
  if (/[?#]/.test(text)) return refuse('has a query or a fragment', 'name the directory alone');
  if (base.protocol === 'http:' && !loopback.test(base.hostname))
    return refuse('is reached by http, where anybody on the way could change it', 'name it by https://');
  if (base.protocol !== 'https:' && base.protocol !== 'http:') return refuse('is no https:// URL');
  return ok({ kind: 'server', base });
}

/**
 * The text of a file, and how messages call it; undefined when there is none. That its directory is missing is a problem.
 * @param name checked by its grammar: it stands in a path
 */
export async function readText(
  root: string,
  source: string,
  name: string,
  access: Access = {},
): Promise<Result<{ text: string; file: string } | undefined>> {
  const origin = parseOrigin(root, source);
  if (!origin.ok) return failed(...origin.problems.map((each) => ({ ...each, at: { file: 'dmrel.yaml' } })));
  const file = fileOf(origin.value, name);
  const bytes =
    origin.value.kind === 'directory'
      ? await readLocal(origin.value, name, file)
      : await download(new URL(file), { ...access, limits: { bytes: maxBytes, ...access.limits } });
  if (!bytes.ok) return bytes;
  if (bytes.value === undefined) return ok(undefined);
  const text = decodeUtf8(bytes.value, file);
  return text.ok ? ok({ text: text.value, file }) : text;
}

/** How messages call a file of an origin. */
export function fileOf(origin: Origin, name: string): string {
  if (origin.kind === 'directory') return `${origin.display}/${name}`;
  return new URL(`${origin.base.pathname.replace(/\/+$/, '')}/${name}`, origin.base).href;
}

async function readLocal(
  { path, display }: Origin & { kind: 'directory' },
  name: string,
  file: string,
): Promise<Result<Buffer | undefined>> {
  const bytes = await readFileBounded(join(path, name), file, maxBytes);
  if (bytes.ok || bytes.problems[0]?.code !== 'file-not-found') return bytes;
  const folder = await stat(path).catch(() => undefined);
  if (folder?.isDirectory()) return ok(undefined);
  const hint = 'make it, or mend what dmrel.yaml says under products:';
  const at = { file: display };
  return failed(
    folder
      ? problem('file-unreadable', `${display} is no directory`, { at, hint })
      : problem('file-not-found', `there is no directory ${display}`, { at, hint }),
  );
}
