import { createReadStream } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { type Digest, failed, ok, problem, type Result } from '../support/index.ts';
import type { ImportCheck } from '../workspace/index.ts';
import { listFiles } from './files.ts';
import { type JUnitReport, readJUnit, verdictOfTests } from './junit.ts';
import type { Look } from './look.ts';

const defaultProperty = 'dmrel.digest';

/**
 * Take in what was tested elsewhere: JUnit files that say which image they are about, by a property with its digest; or one
 * file that somebody says is about it, which may say nothing else. When it was found out is what the suites say, not now.
 * Problems: `check-inconclusive` when there is none; `report-invalid`.
 * @param file as it was named on the command line
 */
export async function importResults(
  root: string,
  digest: Digest,
  { junit, property = defaultProperty }: ImportCheck,
  file: string | undefined,
): Promise<Result<Look>> {
  const files = file === undefined ? await filesOf(root, junit) : ok([file]);
  if (!files.ok) return files;
  const about: JUnitReport[] = [];
  for (const path of files.value) {
    const name = isAbsolute(path) ? path : join(path);
    const read = await readJUnit(createReadStream(isAbsolute(path) ? path : join(root, path)), name);
    if (!read.ok) return read;
    const images = (read.value.properties.get(property) ?? []).map((each) => each.trim().replace(/^.*@/, ''));
    if (file !== undefined && images.some((each) => each !== digest)) {
      const hint = `its property ${property} says so; name the image that was tested`;
      return failed(problem('report-invalid', `${name} is about ${images.join(', ')}, not ${digest}`, { hint }));
    }
    // One file about several images cannot say which of its tests was of which.
    if (file === undefined && images.includes(digest) && images.length > 1) {
      return failed(
        problem('report-invalid', `${name} is about ${images.length} images at once`, {
          hint: 'write a file for each image',
        }),
      );
    }
    if (file !== undefined || images.includes(digest)) about.push(read.value);
  }
  if (about.length === 0) {
    const hint = `a suite names its image by the property ${property}: ${digest}; or say 'dmrel check --import FILE'`;
    return failed(
      problem('check-inconclusive', `there are no results of ${digest} in ${junit ?? 'any file'}`, { hint }),
    );
  }
  const times = about.flatMap(({ newest }) => newest ?? []);
  return ok({
    verdict: verdictOfTests(about.flatMap(({ tests }) => tests)),
    ...(times.length === 0 ? {} : { begun: Math.min(...times), ended: Math.max(...times) }),
  });
}

async function filesOf(root: string, junit: string | undefined): Promise<Result<string[]>> {
  if (junit === undefined) return ok([]);
  const found = await listFiles(root, junit);
  return found.ok ? ok(found.value.map((each) => each.slice(root.length + 1))) : found;
}
