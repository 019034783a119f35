#!/usr/bin/env node
'use strict';
const { existsSync } = require('node:fs');
const { isAbsolute, join } = require('node:path');

const home = join(__dirname, '..');
const main = join(home, 'dist', 'main.js');
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 11)) {
  process.stderr.write(`dmrel needs Node 20.11 or newer; this is ${process.versions.node}\n`);
  process.exitCode = 3;
} else if (!existsSync(main)) {
  process.stderr.write("dmrel is not built; run 'npm ci' (or 'npm run build') in its directory\n");
  process.exitCode = 3;
} else {
  const dist = join(home, 'dist');
  const code = join(dist, `code-${process.version}-${process.arch}`);
  if (existsSync(code)) {
    require('./load.cjs').loaderOf(dist, code)('main.js').start(process, home);
  } else {
    // Compiled code is kept (Node 22 and newer) where no other user of the machine can put any.
    const { HOME, XDG_CACHE_HOME } = process.env;
    const cache = [XDG_CACHE_HOME, HOME && join(HOME, '.cache')].find((each) => each && isAbsolute(each));
    if (cache) require('node:module').enableCompileCache?.(join(cache, 'dmrel', 'code'));
    require(main).start(process, home);
  }
}
