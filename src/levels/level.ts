import { type Digest, didYouMean, failed, ok, problem, type Result } from '../support/index.ts';
import { type CheckConfig, definitionDigest, type LevelConfig, need, type Workspace } from '../workspace/index.ts';

/** A level with what belongs to it. */
export interface Level {
  name: string;
  config: LevelConfig;
  /** Images meant for it, in the order of dmrel.yaml. */
  images: string[];
  /** Its checks on those images. */
  checks: { name: string; check: CheckConfig; configuration: Digest; images: string[] }[];
}

/** The level of a name. Problems: `workspace-lacks`, `unknown-level`. */
export function requireLevel(workspace: Workspace, name: string, purpose: string): Result<Level> {
  const levels = need(workspace, 'levels', purpose);
  if (!levels.ok) return levels;
  const config = Object.hasOwn(levels.value, name) ? levels.value[name] : undefined;
  if (!config) {
    const known = Object.keys(levels.value);
    const hint = didYouMean(name, known) ?? `this workspace has: ${known.join(', ')}`;
    return failed(problem('unknown-level', `there is no level '${name}'`, { hint }));
  }
  const images = Object.entries(workspace.config.images ?? {})
    .filter(([, image]) => image.levels === undefined || image.levels.includes(name))
    .map(([image]) => image);
  const checks = (config.checks ?? []).map((each) => {
    const check = workspace.config.checks![each]!;
    const on = images.filter((image) => check.images === undefined || check.images.includes(image));
    return { name: each, check, configuration: definitionDigest(check), images: on };
  });
  return ok({ name, config, images, checks });
}
