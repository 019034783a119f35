import { parseMilestoneRelease } from './milestone.ts';
import { nothing, type ParsedName } from './parsed.ts';
import { parseReleaseName, parseVersion, thursdayOfEither } from './release.ts';
import { dayOf, padded } from './weeks.ts';

/** What a git tag says of a release, in the words of image tags; undefined when it names none. */
export function parseGitName(text: string): ParsedName | undefined {
  const parsed = parseReleaseName(text);
  if (!parsed) return parseOldCandidate(text);
  const { kind, order } = parsed;
  const [first = 0, second = 0, third = 0, candidate = 0] = order;
  const version = `${first}.${second}.${third}`;
  switch (kind) {
    case 'weekly': {
      const display = `Weekly ${padded(first, 4)}_${padded(second, 2)}`;
      return { ...nothing, name: text, kind, display, version, date: thursdayOfEither(first, second) ?? null };
    }
    case 'daily': {
      const display = `Daily ${[padded(first, 4), padded(second, 2), padded(third, 2)].join('_')}`;
      return { ...nothing, name: text, kind, display, version, date: dayOf(first, second, third) ?? null };
    }
    case 'candidate':
      return candidateOf(text, `${version}-rc${candidate}`);
    case 'release':
      return { ...nothing, name: text, kind, display: `Release ${version}`, version };
    case 'milestone': {
      const { id, repeat } = parseMilestoneRelease(text)!;
      const display = `Milestone ${id}${repeat > 1 ? ` (Release ${repeat})` : ''}`;
      return { ...nothing, name: text, kind, display, base: text };
    }
    default:
      return kind satisfies never;
  }
}

/** Until 11 candidates had no `v`: `11.0.rc2`. They are read, and no longer made. */
function parseOldCandidate(text: string): ParsedName | undefined {
  const [version, candidate] = text.split('.rc');
  const numbers = version?.split('.').length === 2 ? parseVersion(version) : undefined;
  if (!numbers || candidate === undefined || !/^[1-9][0-9]{0,5}$/.test(candidate)) return undefined;
  return text === `${version}.rc${candidate}` ? candidateOf(text, `${numbers.join('.')}-rc${candidate}`) : undefined;
}

const candidateOf = (name: string, version: string): ParsedName => ({
  ...nothing,
  name,
  kind: 'release-candidate',
  display: `Release Candidate ${version}`,
  version,
});
