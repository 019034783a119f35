/** Bytes in `512KiB`, `20MiB`, `8GiB`, `100B`. */
export function parseSize(text: string): number {
  const [, number, unit] = /^([0-9]+)([KMGT]iB|B)$/.exec(text)!;
  return Number(number) * 1024 ** ['B', 'KiB', 'MiB', 'GiB', 'TiB'].indexOf(unit!);
}
