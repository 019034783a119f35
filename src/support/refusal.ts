/** What to do when the system does not let us write, by its code. */
const refusals: Record<string, string> = {
  ENOSPC: 'make room on the disk, then run the same command again',
  EROFS: 'the disk can only be read here; work in a copy that can be written to',
  EACCES: 'let your user write there, then run the same command again',
  EPERM: 'let your user write there, then run the same command again',
  EEXIST: 'something else stands in its place; move it away, then run the same command again',
  ENOTDIR: 'something else stands in its place; move it away, then run the same command again',
  EMFILE: 'let more files be open at once (ulimit -n 1024), then run the same command again',
};

export const afterRefusal = (code: string): string => refusals[code] ?? 'mend that, then run the same command again';
