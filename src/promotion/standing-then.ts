import { openRepository } from '../git/index.ts';
import { type LevelRecord, levelFile, parseLevel, readLevel } from '../releases/index.ts';
import { type Instant, instantOf, ok, type Result } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';

/**
 * What stood at a level at a moment that lies behind us: by its file as it was committed then, and by what the file of
 * today says has been so since before.
 */
export async function readLevelThen(workspace: Workspace, level: string, now: Date): Promise<Result<LevelRecord>> {
  const read = await readLevel(workspace.root, level);
  if (!read.ok) return read;
  const today = rewound(read.value, instantOf(now));
  const repository = await openRepository(workspace.root);
  const text = repository.ok ? await repository.value.textAt(levelFile(level), now) : undefined;
  if (text === undefined) return ok(today);
  const then = await parseLevel(level, text);
  if (!then.ok) return then;
  const { current, held, withheld = [] } = today;
  const others = (then.value.withheld ?? []).filter(
    ({ release }) => !withheld.some((each) => each.release === release),
  );
  return ok({
    ...then.value,
    current: current.length > 0 ? current : then.value.current,
    held: held ?? then.value.held,
    withheld: [...others, ...withheld],
  });
}

function rewound(standing: LevelRecord, then: Instant): LevelRecord {
  const { current, held, withheld = [] } = standing;
  return {
    ...standing,
    current: current.filter(({ since }) => since <= then),
    held: held && held.at <= then ? held : null,
    withheld: withheld.filter(({ at }) => at <= then),
  };
}
