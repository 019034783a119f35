import { posix } from 'node:path';
import type { ImageFile } from '../../registry/index.ts';
import { failed, ok, type Problem, type Result } from '../../support/index.ts';
import type { Context, ContextEntry } from './context.ts';
import { archiveName, type FileAction, type Owner } from './interpret.ts';
import type { LayerEntry } from './layer.ts';
import { findSources, type Source } from './sources.ts';

/** What is in the image so far: enough to tell which directories must be made, and where links lead. */
export type ImageFiles = Map<string, Pick<ImageFile, 'type' | 'target'>>;

const root: Owner = { uid: 0, gid: 0 };

/**
 * The entries of the layer that an instruction makes; none when it makes no difference. Directories that are missing
 * on the way are made as docker makes them; those of the image are left alone, with their modes and owners.
 */
export function applyAction(action: FileAction, context: Context, files: ImageFiles): Result<Map<string, LayerEntry>> {
  const layer = new Draft(action, files);
  if (action.kind === 'copy') copy(action, context, layer);
  else makeWorkingDirectory(action, layer);
  return layer.problems.length > 0 ? failed(...layer.problems) : ok(layer.entries);
}

function makeWorkingDirectory(action: FileAction & { kind: 'workdir' }, layer: Draft): void {
  const target = layer.resolve(action.target);
  if (target === undefined || layer.typeOf(target) === 'directory') return;
  if (action.owner) {
    layer.addDirectory(target, action.owner, 0o755);
    return;
  }
  const hint = 'write USER with numbers, or make the directory in a parent';
  layer.fail('dockerfile-unsupported', `WORKDIR would make '${target}' for a user whose number is not known`, hint);
}

function copy(action: FileAction & { kind: 'copy' }, context: Context, layer: Draft): void {
  const { instruction, owner, mode, add } = action;
  const found = action.sources.flatMap((word) =>
    findSources(word, context, instruction, layer.problems).map((source) => ({ source, word })),
  );
  const isFolder = action.target.endsWith('/') || found.some(({ source }) => source.entry.type === 'directory');
  const target = layer.resolve(action.target.replace(/(.)\/$/, '$1'), isFolder);
  if (target === undefined) return;
  const intoDirectory = action.target.endsWith('/') || layer.typeOf(target) === 'directory';
  if (found.length > 1 && !intoDirectory && found.some(({ source }) => source.entry.type !== 'directory')) {
    layer.fail('context-invalid', `${found.length} files cannot become '${target}'`, `write '${target}/'`);
    return;
  }
  for (const { source, word } of found) {
    if (add && source.entry.type === 'file' && archiveName.test(source.path)) {
      const hint = 'write COPY to have it as it is, or use the docker or buildah engine to unpack it';
      layer.problems.push(
        instruction.problem('dockerfile-unsupported', 'the assemble engine unpacks no archives', {
          offset: word.offset,
          hint,
        }),
      );
    } else if (source.entry.type === 'directory') {
      copyTree(source, target, context, layer, owner, mode);
    } else {
      const place = intoDirectory ? posix.join(target, posix.basename(source.name)) : target;
      layer.add(place, source.path, source.entry, owner, mode);
    }
  }
}

function copyTree(
  source: Source,
  target: string,
  context: Context,
  layer: Draft,
  owner: Owner,
  mode: number | undefined,
): void {
  layer.addDirectory(target, owner, 0o755);
  const prefix = source.path === '' ? '' : `${source.path}/`;
  for (const [path, entry] of context) {
    if (path.startsWith(prefix)) layer.add(posix.join(target, path.slice(prefix.length)), path, entry, owner, mode);
  }
}

/** A layer being put together over the files of an image. */
class Draft {
  readonly entries = new Map<string, LayerEntry>();
  readonly problems: Problem[] = [];

  constructor(
    private readonly action: FileAction,
    private readonly files: ImageFiles,
  ) {}

  typeOf(path: string): ImageFile['type'] | undefined {
    return path === '/'
      ? 'directory'
      : ((this.entries.get(path)?.type as ImageFile['type'] | undefined) ?? this.files.get(path)?.type);
  }

  /**
   * Where a path leads in the image: links on the way are followed, as docker does, and never out of the root. The last
   * part is followed where it is to be a directory, or is one; a link to a file is replaced. Undefined, with a problem, for
   * links that lead round.
   */
  resolve(path: string, isFolder = true): string | undefined {
    const rest = path.split('/');
    let current = '/';
    /** The last part as it is called, when that is a link. */
    let named: string | undefined;
    for (let hops = 0; rest.length > 0; ) {
      const part = rest.shift()!;
      current = posix.join(current, part); // `..` of the root is the root
      const target = this.linkAt(current);
      if (target === undefined) continue;
      hops += 1;
      if (hops > 40) {
        this.fail('context-invalid', `the links at '${path}' lead round`, 'name the directory itself');
        return undefined;
      }
      if (rest.length === 0) named ??= current;
      current = target.startsWith('/') ? '/' : posix.dirname(current);
      rest.unshift(...target.split('/'));
    }
    return named === undefined || isFolder || this.typeOf(current) === 'directory' ? current : named;
  }

  private linkAt(path: string): string | undefined {
    const entry = this.entries.get(path);
    if (entry) return entry.type === 'symlink' ? entry.target : undefined;
    return this.files.get(path)?.target;
  }

  fail(code: Problem['code'], message: string, hint: string): void {
    this.problems.push(this.action.instruction.problem(code, message, { hint }));
  }

  add(place: string, path: string, entry: ContextEntry, owner: Owner, mode: number | undefined): void {
    if (entry.type === 'directory') {
      this.addDirectory(place, owner, mode ?? 0o755);
    } else if (entry.type === 'other') {
      this.fail('context-invalid', `'${path}' is neither a file, a directory nor a link`, 'name it in .dockerignore');
    } else if (this.typeOf(place) === 'directory') {
      this.fail('context-invalid', `'${path}' would replace the directory '${place}'`, 'name another target');
    } else {
      this.addParents(place, owner);
      // git keeps the executable bit and nothing else: any other mode is this machine's umask, not the project's.
      const fileMode = entry.type === 'file' ? (mode ?? (entry.executable ? 0o755 : 0o644)) : 0o777;
      if (entry.type === 'file') this.entries.set(place, { ...owner, mode: fileMode, type: 'file', path, entry });
      else this.entries.set(place, { ...owner, mode: fileMode, type: 'symlink', target: entry.target });
    }
  }

  addDirectory(path: string, owner: Owner, mode: number): void {
    const type = this.typeOf(path);
    if (type === undefined) {
      this.addParents(path, owner);
      this.entries.set(path, { ...owner, mode, type: 'directory' });
    } else if (type !== 'directory') {
      const what = type === 'file' ? 'a file' : 'a link';
      this.fail(
        'context-invalid',
        `'${path}' is ${what} in the image, where a directory is needed`,
        'name the directory itself',
      );
    }
  }

  private addParents(path: string, owner: Owner): void {
    const parent = posix.dirname(path);
    if (this.typeOf(parent) !== 'directory')
      this.addDirectory(parent, this.action.kind === 'copy' ? owner : root, 0o755);
  }
}
