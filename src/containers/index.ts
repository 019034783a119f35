export {
  type ContainerEngine,
  type ContainerEngineName,
  type DockerAbilities,
  type EngineProbe,
  engineNames,
} from './engine.ts';
export { type LoadOptions, loadImage, removeImage } from './load.ts';
export { probeEngine, probeEngines } from './probe.ts';
export { runStreamed, type StreamedEnd, type StreamedRun } from './process.ts';
export {
  type ContainerEnd,
  type ContainerSpec,
  containerArguments,
  inspectContainer,
  removeContainer,
  removeLeftContainers,
} from './run.ts';
export { type SaveOptions, saveImage } from './save.ts';
