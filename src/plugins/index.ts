export type {
  ArgumentSpec,
  CommandContext,
  CommandRun,
  CommandSpec,
  GroupSpec,
  OptionSpec,
  OptionValues,
  Plugin,
} from './command.ts';
export { findExternal } from './external.ts';
