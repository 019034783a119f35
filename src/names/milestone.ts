import type { ReleaseName } from './release.ts';

/**
 * Releases are made in advance of milestones (LDM-564 2.2.1), and a milestone's id with hyphens is no git tag of SQR-016.
 * So: `m.`, the id's parts with dots between; `.r2` for the second release made for the same milestone.
 */
export interface MilestoneRelease {
  /** As documents write it, capitals where they use to be: `LDM-503-4b`. */
  id: string;
  /** 1 for the first. */
  repeat: number;
}

/** `LDM-503-4b` and `ldm-503-04b` give `m.ldm.503.4b`; undefined for an id with other characters than letters, digits, hyphens. */
export function milestoneReleaseName(id: string, repeat = 1): ReleaseName | undefined {
  if (!/^[A-Za-z0-9-]+$/.test(id) || !Number.isSafeInteger(repeat) || repeat < 1) return undefined;
  const parts = id
    .toLowerCase()
    .replace(/(?<![0-9])0+(?=[0-9])/g, '')
    .split('-');
  const name = ['m', ...parts].join('.');
  // An id that ends as a repeat does would be another one's repeat.
  if (parseMilestoneRelease(name)?.repeat !== 1) return undefined;
  return (repeat === 1 ? name : `${name}.r${repeat}`) as ReleaseName;
}

export function parseMilestoneRelease(text: string): MilestoneRelease | undefined {
  if (text.length > 200 || !text.startsWith('m.')) return undefined;
  const parts = text.slice(2).split('.');
  const suffix = parts.length > 1 ? /^r([0-9]+)$/.exec(parts.at(-1)!) : null;
  if (suffix) parts.pop();
  const repeat = suffix ? Number(suffix[1]) : 1;
  if (suffix && (repeat < 2 || !Number.isSafeInteger(repeat) || suffix[1]!.startsWith('0'))) return undefined;
  if (!parts.every((part) => /^[a-z0-9]+$/.test(part) && !/(?<![0-9])0+[0-9]/.test(part))) return undefined;
  const id = parts.map((part) => (/[0-9]/.test(part) ? part : part.toUpperCase())).join('-');
  return { id, repeat };
}
