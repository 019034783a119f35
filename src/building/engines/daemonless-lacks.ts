import type { ContainerEngine } from '../../containers/index.ts';
import { type Problem, problem, warning } from '../../support/index.ts';
import { heredoc, type Instruction, splitInstructions } from '../assemble/index.ts';
import type { BuildRequest } from '../engine.ts';

/** What buildah and podman would leave out of an image, or not keep to, without a word. */
export function daemonlessLacks(engine: ContainerEngine, request: BuildRequest): Problem[] {
  const instructions = splitInstructions(request.dockerfile);
  return [
    ...(isChroot(engine) ? lacksOfChroot(engine, request, instructions) : []),
    ...instructions.flatMap((each) => lacksOfFormat(engine, each)),
    ...(knowsHereDocuments(engine) ? [] : hereDocuments(engine, request, instructions)),
  ];
}

const isChroot = ({ env }: ContainerEngine): boolean => env.BUILDAH_ISOLATION === 'chroot';

/** What starts a build that is to have no network: chroot isolation runs every step in the network of the program itself. */
export const withoutNetwork = (engine: ContainerEngine, { network }: BuildRequest): string[] =>
  network === 'none' && isChroot(engine) && engine.unshare !== undefined ? [engine.unshare, '--net', '--'] : [];

function lacksOfChroot(
  engine: ContainerEngine,
  { name, network, resources }: BuildRequest,
  instructions: readonly Instruction[],
): Problem[] {
  const found: Problem[] = [];
  if (network === 'none' && engine.unshare === undefined) {
    const message = `${name} is to be built without network, which ${engine.name} cannot with chroot isolation as this user`;
    found.push(problem('engine-unavailable', message, { hint: 'let root build it, or docker', subject: name }));
  }
  const loads = instructions.find(
    ({ keyword, text }) => keyword === 'ADD' && /(?:^|\s)(?:https?:\/\/|git@)/.test(text),
  );
  if (network === 'none' && loads) {
    const message = `${engine.name} with chroot isolation has no network for ADD either, where RUN is to have none`;
    found.push(loads.problem('engine-unavailable', message, { hint: 'put the file into the context' }));
  }
  if (resources !== undefined) {
    const message = `${engine.name} does not limit memory and processors with chroot isolation: ${name} may take all there is`;
    found.push(warning('engine-unavailable', message, { subject: name }));
  }
  return found;
}

/** OCI images have no place for these (image-spec, config.md), so that they are not written. */
function lacksOfFormat({ name }: ContainerEngine, instruction: Instruction): Problem[] {
  const { keyword } = instruction;
  const message = `${name} leaves ${keyword} out of an image`;
  if (keyword === 'HEALTHCHECK' || keyword === 'ONBUILD')
    return [instruction.problem('engine-unavailable', message, { hint: "use 'engine: docker', or take it out" })];
  if (keyword !== 'SHELL') return [];
  const hint = 'its own steps have that shell; what is built on it has not';
  return [{ ...instruction.problem('engine-unavailable', message, { hint }), severity: 'warning' }];
}

/** Since buildah 1.33, and podman 4.8, which has that one inside. */
function knowsHereDocuments({ name, version }: ContainerEngine): boolean {
  const [major = 0, minor = 0] = version.split('.').map((each) => Number.parseInt(each, 10));
  const [since, sinceMinor] = name === 'buildah' ? [1, 33] : [4, 8];
  return major > since! || (major === since && minor >= sinceMinor!);
}

function hereDocuments(
  { name, version }: ContainerEngine,
  { dockerfile }: BuildRequest,
  instructions: readonly Instruction[],
): Problem[] {
  const lines = new Set(dockerfile.text.split(/\r?\n/).map((line) => line.trim()));
  return instructions.flatMap((instruction) => {
    const { keyword, text } = instruction;
    if (!['RUN', 'COPY', 'ADD'].includes(keyword)) return [];
    if (![...text.matchAll(heredoc)].some(([, delimiter]) => lines.has(delimiter!))) return [];
    const message = `${name} ${version} has no here-documents`;
    const hint = "put the text into a file and copy that, or use 'engine: docker'";
    return [instruction.problem('engine-unavailable', message, { hint })];
  });
}
