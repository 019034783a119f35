export {
  type CheckConfig,
  type CommandCheck,
  type ContainerCheck,
  definitionDigest,
  type EngineRunner,
  type Expectations,
  type ImportCheck,
  type MetricsCheck,
  type RunnerConfig,
  runnerOf,
  type Severity,
  type SlurmRunner,
  type StructureCheck,
  severities,
  type VulnerabilitiesCheck,
} from './checks.ts';
export type { RegistryConfig, TagsConfig, WorkspaceConfig } from './config.ts';
export { parentVariables, productVariables, releaseVariables, tagHint } from './image-checks.ts';
export type { EngineName, ImageConfig, ImageDefinition, SecretConfig } from './images.ts';
export {
  type ApprovalRule,
  approvalRules,
  type CeilingsConfig,
  type FreezeWindow,
  type LevelConfig,
  levelsBefore,
} from './levels.ts';
export { readRoadmap, soundRoadmap } from './read-roadmap.ts';
export type { KeyConfig, SignerConfig, TrustConfig } from './trust.ts';
export { findWorkspace, need, openWorkspace, transportsOf, type Workspace } from './workspace.ts';
