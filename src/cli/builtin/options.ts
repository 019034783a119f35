import type { OptionSpec } from '../../plugins/index.ts';

export const dryRun: OptionSpec = { flags: '--dry-run', description: 'print the plan and write nothing' };
export const yes: OptionSpec = { flags: '--yes', description: 'do not ask before something is moved or deleted' };
