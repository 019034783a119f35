import type { Workspace } from '../workspace/index.ts';

/** Who signs that something was taken away or is held. Never a promoter: what that key signs is taken for a yes. */
export const demoterRole = 'demoter';

/** Whether such things are said in statements: signed by that role, or bare where no keys are trusted at all. */
export const demotes = ({ config: { trust } }: Pick<Workspace, 'config'>): boolean =>
  trust === undefined || (trust.roles[demoterRole] ?? []).length > 0;
