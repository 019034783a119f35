import { resolve } from 'node:path';
import { type ImageReference, openReference } from '../levels/index.ts';
import type { CommandContext } from '../plugins/index.ts';
import { unwrap } from '../support/index.ts';
import { findWorkspace, openWorkspace, type Workspace } from '../workspace/index.ts';

/** The workspace, where there is one: images can be looked at from anywhere. One that is not sound is a problem. */
export async function workspaceAround(context: CommandContext): Promise<Workspace | undefined> {
  return findWorkspace(context.cwd).ok ? unwrap(await openWorkspace(context.cwd, context.env)) : undefined;
}

export const referenceGiven = (
  context: CommandContext,
  workspace: Workspace | undefined,
  text: string,
): ImageReference => unwrap(openReference(workspace, text, context.cwd));

/** The same from any directory: commands that are resumed run in the workspace's own. */
export const fromAnywhere = (context: CommandContext, text: string): string =>
  text.replace(/^layout:([^:]+)/, (_whole, directory: string) => `layout:${resolve(context.cwd, directory)}`);
