/** One word of a shell, whatever is in it: people copy the lines that dmrel prints. */
export const shellWord = (text: string): string =>
  /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
