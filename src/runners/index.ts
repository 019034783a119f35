export { markCollected, pruneBatches, writeBatch } from './folders.ts';
export { type LocalJob, type ProgramEnd, runLocally } from './local.ts';
export { localRunner, type RunnerPlace } from './on-this-machine.ts';
export { type FollowedEnd, type Job, type JobEnd, maxLogBytes, type Runner, type Submission } from './runner.ts';
export { type SlurmOptions, slurmRunner } from './slurm/runner.ts';
