/** Colours by meaning. They only add: every word and mark stands without them. */
export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  strong(text: string): string;
  faint(text: string): string;
}

const plain = (text: string): string => text;

/** Loads the colour library only where colour is wanted. */
export async function createPaint(color: boolean): Promise<Paint> {
  if (!color) return { good: plain, bad: plain, warn: plain, strong: plain, faint: plain };
  const { Chalk } = await import('chalk');
  const chalk = new Chalk({ level: 1 });
  return { good: chalk.green, bad: chalk.red, warn: chalk.yellow, strong: chalk.bold, faint: chalk.dim };
}
