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
export { endedBy, exitOfSignal, findExternal, notStarted, waysBack } from './external.ts';
