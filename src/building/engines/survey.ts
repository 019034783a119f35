import { join } from 'node:path';
import { probeEngines } from '../../containers/index.ts';
import { decodeUtf8 } from '../../documents/index.ts';
import { failed, ok, type Problem, problem, type Result, readFileBounded } from '../../support/index.ts';
import type { ImageDefinition, Workspace } from '../../workspace/index.ts';
import type { BuildRequest } from '../engine.ts';
import { realPathWithin } from '../within.ts';
import { chooseEngine } from './choose.ts';

export interface EngineSurvey {
  /** Every engine: what it is, or what it lacks. */
  engines: { name: string; says: string; problems: Problem[] }[];
  /** What would build each image, and why. */
  images: { name: string; says: string; problems: Problem[] }[];
}

const maxDockerfileBytes = 2 ** 20;

/** What can build images here, and what would build each one of a workspace. Nothing is built. */
export async function surveyEngines(
  workspace: Workspace,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<EngineSurvey> {
  const probes = await probeEngines(env, signal, true);
  const engines = probes.map(({ name, says, problem }) => {
    // It is there and broken: an image that needs it is the one that cannot be built.
    return { name, says, problems: problem ? [{ ...problem, severity: 'warning' as const }] : [] };
  });
  const images: EngineSurvey['images'] = [];
  for (const [name, definition] of workspace.images) {
    const request = await requestOf(workspace, definition);
    const chosen = request.ok
      ? await chooseEngine(definition.config.engine ?? 'auto', request.value, env, signal)
      : request;
    const says = chosen.ok ? `${chosen.value.engine.name}: ${chosen.value.because}` : 'nothing here can build it';
    images.push({ name, says, problems: chosen.ok ? [] : chosen.problems });
  }
  return { engines: [{ name: 'assemble', says: 'built in', problems: [] }, ...engines], images };
}

/** As far as an engine is chosen by it: without a release there are no values for its arguments. */
async function requestOf(
  { root }: Workspace,
  { name, parents, config }: ImageDefinition,
): Promise<Result<BuildRequest>> {
  const file = config.dockerfile ?? join(config.context, 'Dockerfile');
  const path = await realPathWithin(root, file);
  if (path === undefined)
    return failed(problem('unsafe-path', `the Dockerfile of ${name} leads out of the workspace: ${file}`));
  const bytes = await readFileBounded(path, file, maxDockerfileBytes);
  const text = bytes.ok ? decodeUtf8(bytes.value, file) : bytes;
  if (!text.ok) return text;
  return ok({
    name,
    context: join(root, config.context),
    dockerfile: { file, text: text.value },
    args: config.args ?? {},
    from: Object.keys(parents),
    extraFiles: {},
    labels: {},
    created: 0,
    platform: config.platform ?? 'linux/amd64',
    ...(config.network === undefined ? {} : { network: config.network }),
    ...(config.resources === undefined ? {} : { resources: {} }),
    secrets: Object.entries(config.secrets ?? {}).map(([id, source]) => ({ id, source })),
  });
}
