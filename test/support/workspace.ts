import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from '@jest/globals';
import type { Roadmap } from '../../src/milestones/index.ts';
import type { Problem, Result } from '../../src/support/index.ts';
import { openWorkspace, readRoadmap, type Workspace } from '../../src/workspace/index.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A directory that is gone after the tests of this file. */
export function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dmrel-test-'));
  folders.push(folder);
  return folder;
}

/** A workspace on disk, file by file; it has a sound dmrel.yaml unless one is given. */
export function aWorkspace() {
  const root = aFolder();
  const builder = {
    root,
    with(file: string, content: string | Uint8Array) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), content);
      return builder;
    },
    /** A file of milestones, each `id: body` in flow style: `withMilestones('m.yaml', { 'M-1': 'title: x' })`. */
    withMilestones: (file: string, items: Record<string, string>) => builder.withSection('milestones', file, items),
    withFeatures: (file: string, items: Record<string, string>) => builder.withSection('features', file, items),
    withExternals: (file: string, items: Record<string, string>) => builder.withSection('externals', file, items),
    withSection(section: string, file: string, items: Record<string, string>) {
      const lines = Object.entries(items).map(([id, body]) => `  ${id}: {${body}}\n`);
      return builder.with(`milestones/${file}`, `schema: dmrel/${section}/v1\n${section}:\n${lines.join('')}`);
    },
    open: (env: NodeJS.ProcessEnv = {}): Promise<Result<Workspace>> => openWorkspace(root, env),
    async roadmap(env: NodeJS.ProcessEnv = {}): Promise<{ roadmap: Roadmap; problems: Problem[] }> {
      const opened = await openWorkspace(root, env);
      if (!opened.ok) throw new Error(brief(opened.problems).join('\n'));
      return readRoadmap(opened.value);
    },
  };
  return builder.with('dmrel.yaml', 'schema: dmrel/workspace/v1\norganization: test\n');
}

/** Findings as people read them: `file:line:column code message`. */
export function brief(problems: readonly Problem[]): string[] {
  return problems.map(({ at, code, message }) =>
    [[at?.file, at?.line, at?.column].filter((part) => part !== undefined).join(':'), code, message].join(' '),
  );
}

export function problemsOf(result: Result<unknown>): Problem[] {
  return result.ok ? [] : result.problems;
}
