// Keeps the code of a build as node has compiled it, for the node it is run by: bin/dmrel.js says what for.
// Usage: node compile.cjs DIST HOME, with a cache directory that is empty
'use strict';
const { mkdirSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { loaderOf, scriptOf } = require('../bin/dmrel.js');

const [dist, home] = process.argv.slice(2);

/** Of what small commands use, that which they use: the less there is to read, the sooner they begin. */
async function used() {
  const scripts = new Map();
  const load = loaderOf(dist, '', (name, script) => scripts.set(name, script));
  const { start } = load('main.js');
  const held = Object.assign(Object.create(process), { getActiveResourcesInfo: () => ['this one'] });
  for (const words of ['--help', 'validate', 'milestone list', 'milestone status LDM-503-3']) {
    process.argv.splice(2, Infinity, '-C', home, ...words.split(' '));
    await start(held, home);
    if (process.exitCode !== 0) throw new Error(`dmrel ${words} ended with ${process.exitCode}`);
  }
  return scripts;
}

/** Of the rest everything: what a command uses of it is not known before it runs. */
function whole(name) {
  setFlagsFromString('--no-lazy');
  try {
    return scriptOf(join(dist, name), readFileSync(join(dist, name), 'utf8'));
  } finally {
    setFlagsFromString('--lazy');
  }
}

used().then((scripts) => {
  const code = join(dist, `code-${process.version}-${process.arch}`);
  mkdirSync(code);
  for (const name of readdirSync(dist).filter((each) => each.endsWith('.js')))
    writeFileSync(join(code, name), (scripts.get(name) ?? whole(name)).createCachedData());
});
