import type { Level } from '../levels/index.ts';
import { approvalRules } from '../workspace/index.ts';

/** Who may waive at a level: the role it names, else the first whose approval it asks for. */
export const waiverRole = ({ config }: Pick<Level, 'config'>): string | undefined =>
  config.waivers ?? approvalRules(config)[0]?.role;
