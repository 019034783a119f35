import { posix } from 'node:path';
import type { Problem } from '../../support/index.ts';
import type { Dockerfile } from './dockerfile.ts';
import type { Instruction } from './dockerfile-lines.ts';
import { expand, splitWords, type Variables, type Word } from './dockerfile-words.ts';
import { otherEngine, parseArgs, type Step, tryWords } from './instructions.ts';

/** The `config` of an image (image-spec, config.md), as far as a Dockerfile sets it. */
export interface ContainerConfig {
  Env?: string[];
  Labels?: Record<string, string>;
  User?: string;
  WorkingDir?: string;
  Entrypoint?: string[];
  Cmd?: string[];
  ExposedPorts?: Record<string, object>;
  Volumes?: Record<string, object>;
  StopSignal?: string;
}

export interface Owner {
  uid: number;
  gid: number;
}

/** What an instruction puts into the image's files. */
export type FileAction = { instruction: Instruction } & (
  | { kind: 'copy'; add: boolean; sources: Word[]; target: string; owner: Owner; mode: number | undefined }
  | { kind: 'workdir'; target: string; owner: Owner | undefined }
);

export interface Interpreted {
  config: ContainerConfig;
  /** One for each instruction after FROM: its text for the history, and what it does to files. */
  actions: { createdBy: string; action: FileAction | undefined }[];
}

/** What docker gives an image FROM scratch. */
const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A ustar header has room for seven octal digits. */
const maxOwner = 0o7777777;

/** Put in the values of variables, and work out the configuration and what is done to files. Touches no file. */
export function interpret(
  dockerfile: Dockerfile,
  args: Record<string, string>,
  base: ContainerConfig | undefined,
  problems: Problem[],
): Interpreted {
  const config: ContainerConfig = base ? structuredClone(base) : { Env: [defaultPath], WorkingDir: '/' };
  const env = new Map((config.Env ?? []).map((each) => [each.split('=', 1)[0]!, each.slice(each.indexOf('=') + 1)]));
  const scope: Scope = { config, env, arguments: new Map(), given: args, globals: dockerfile.globals, ownCmd: false };
  const actions = dockerfile.steps.map((step) => {
    const action = tryWords(step.instruction, problems, () => follow(step, scope, problems));
    return { createdBy: `${step.instruction.keyword} ${step.instruction.text}`, action };
  });
  config.Env = [...env].map(([name, value]) => `${name}=${value}`);
  return { config, actions };
}

/**
 * The part of a Dockerfile that means the same whatever it is built on: without lines with variables, which may come from
 * there.
 */
export const withoutParent = (dockerfile: Dockerfile): Dockerfile =>
  dockerfile.from === undefined
    ? dockerfile
    : { ...dockerfile, steps: dockerfile.steps.filter(({ instruction }) => !instruction.text.includes('$')) };

/** ADD unpacks these. */
export const archiveName = /\.(tar|tgz|tbz2?|txz|tzst|(tar\.)?(gz|bz2|xz|zst))$/i;

interface Scope {
  config: ContainerConfig;
  env: Map<string, string>;
  arguments: Map<string, string>;
  given: Record<string, string>;
  globals: Variables;
  ownCmd: boolean;
}

function follow(step: Step, scope: Scope, problems: Problem[]): FileAction | undefined {
  const { config, env } = scope;
  const variables = new Map([...scope.arguments, ...env]); // ENV wins over ARG, as in docker
  const { instruction } = step;
  switch (step.kind) {
    case 'arg':
      for (const { name, value } of parseArgs(instruction, variables)) {
        const found = Object.hasOwn(scope.given, name) ? scope.given[name] : (value ?? scope.globals.get(name));
        if (found !== undefined) scope.arguments.set(name, found);
      }
      return undefined;
    case 'env':
      for (const [name, value] of step.pairs) env.set(expand(name, variables), expand(value, variables));
      return undefined;
    case 'label':
      config.Labels = {
        ...config.Labels,
        ...Object.fromEntries(step.pairs.map((pair) => pair.map((each) => expand(each, variables)))),
      };
      return undefined;
    case 'user':
      config.User = expand(step.word.text, variables);
      return undefined;
    case 'stopsignal':
      config.StopSignal = expand(step.word.text, variables);
      return undefined;
    case 'expose':
      for (const each of step.words) expose(config, expand(each.text, variables), each, instruction, problems);
      return undefined;
    case 'volume':
      config.Volumes = {
        ...config.Volumes,
        ...Object.fromEntries(step.words.map(({ text }) => [expand(text, variables), {}])),
      };
      return undefined;
    case 'cmd':
      config.Cmd = step.argv;
      scope.ownCmd = true;
      return undefined;
    case 'entrypoint':
      config.Entrypoint = step.argv;
      // The parent's CMD was meant for the parent's ENTRYPOINT (docs.docker.com, Dockerfile reference).
      if (!scope.ownCmd) delete config.Cmd;
      return undefined;
    case 'workdir':
      config.WorkingDir = posix.resolve('/', config.WorkingDir ?? '/', expand(step.word.text, variables));
      return { kind: 'workdir', target: config.WorkingDir, owner: ownerOfUser(config.User ?? ''), instruction };
    case 'copy':
      return copyAction(step, config.WorkingDir ?? '/', variables, problems);
    default:
      return step satisfies never;
  }
}

function expose(
  config: ContainerConfig,
  ports: string,
  word: Word,
  instruction: Instruction,
  problems: Problem[],
): void {
  for (const { text } of splitWords(ports)) {
    const [, port, protocol = 'tcp'] = /^([0-9]{1,5}(?:-[0-9]{1,5})?)(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
    if (port === undefined) {
      const hint = "write '8080' or '8080/udp'";
      problems.push(instruction.problem('dockerfile-syntax', `'${text}' is no port`, { offset: word.offset, hint }));
    } else config.ExposedPorts = { ...config.ExposedPorts, [`${port}/${protocol.toLowerCase()}`]: {} };
  }
}

function copyAction(
  step: Step & { kind: 'copy' },
  workingDir: string,
  variables: Variables,
  problems: Problem[],
): FileAction | undefined {
  const { instruction, add, flags } = step;
  const value = (word: Word | undefined) => word && expand(word.text, variables);
  const chown = value(flags.get('chown'));
  const owner = chown === undefined ? { uid: 0, gid: 0 } : parseOwner(chown);
  const chmod = value(flags.get('chmod'));
  const bad = (name: string, message: string, hint: string): undefined => {
    problems.push(instruction.problem('dockerfile-unsupported', message, { offset: flags.get(name)!.offset, hint }));
  };
  if (!owner)
    return bad(
      'chown',
      `'${chown}' is no owner that is known without the image's users`,
      `${otherEngine} it, or write numbers: --chown=1000:1000`,
    );
  if (chmod !== undefined && !/^[0-7]{3,4}$/.test(chmod))
    return bad('chmod', `'${chmod}' is no octal mode`, `${otherEngine} it, or write --chmod=755`);
  const sources = step.sources.map(({ text, offset }) => ({ text: expand(text, variables), offset }));
  const archive = add ? sources.find(({ text }) => archiveName.test(text)) : undefined;
  if (archive) {
    const hint = `write COPY to have it as it is; ${otherEngine} unpacking`;
    const details = { offset: archive.offset, hint };
    problems.push(instruction.problem('dockerfile-unsupported', 'the assemble engine unpacks no archives', details));
    return undefined;
  }
  const named = expand(step.target.text, variables);
  const target = posix.resolve('/', workingDir, named);
  const isDirectory = /(^|\/)\.{0,2}$/.test(named) && target !== '/';
  if (sources.length > 1 && !isDirectory && target !== '/') {
    const hint = `write '${named}/'`;
    problems.push(
      instruction.problem('dockerfile-syntax', 'several sources need a directory', {
        offset: step.target.offset,
        hint,
      }),
    );
    return undefined;
  }
  const mode = chmod === undefined ? undefined : Number.parseInt(chmod, 8);
  return { kind: 'copy', add, sources, target: isDirectory ? `${target}/` : target, owner, mode, instruction };
}

/** `1000` (its group is 1000 too, as in docker) or `1000:100`. */
function parseOwner(text: string): Owner | undefined {
  const [, uid, gid = uid] = /^([0-9]{1,7})(?::([0-9]{1,7}))?$/.exec(text) ?? [];
  if (uid === undefined || Number(uid) > maxOwner || Number(gid) > maxOwner) return undefined;
  return { uid: Number(uid), gid: Number(gid) };
}

/** Who owns a directory that WORKDIR makes: the user, when it is a number. The names are in files of the image. */
function ownerOfUser(user: string): Owner | undefined {
  if (user === '' || user === 'root' || user === 'root:root') return { uid: 0, gid: 0 };
  const [, uid, gid = '0'] = /^([0-9]{1,7})(?::([0-9]{1,7}))?$/.exec(user) ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}
