// The lower bound of reading a plan: parse the same files with the yaml package, and nothing else.
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { parse } = require('yaml');

const root = process.argv[2];
for (const name of readdirSync(root, { recursive: true })) {
  if (name.endsWith('.yaml')) parse(readFileSync(join(root, name), 'utf8'));
}
