// Run as a process of its own by layout.test.ts: writes images and moves tags until it is killed, or `count` times.
import { openLayout } from '../../src/registry/index.ts';
import { unwrap } from '../../src/support/index.ts';
import { anImage } from './images.ts';

const [directory, prefix, count] = process.argv.slice(2) as [string, string, string];
const registry = openLayout(directory);
for (let number = 0; number < Number(count); number++) {
  const digest = await anImage(
    registry,
    'stack',
    [{ file: `${prefix} ${number} ${'x'.repeat(100_000)}` }],
    `${prefix}${number}`,
  );
  unwrap(await registry.tag('stack', `${prefix}${number}`, digest));
  unwrap(await registry.tag('stack', `${prefix}latest`, digest));
  process.stdout.write(`${number}\n`);
}
