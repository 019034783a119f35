export { type PreparedBuild, prepareBuild } from './build.ts';
export { type EngineSurvey, surveyEngines } from './engines/index.ts';
export { type BuildOptions, engineChoices } from './options.ts';
export type { BuildPlan } from './plan.ts';
export { type Proof, proveReproducible, type Reproducibility } from './reproducible.ts';
