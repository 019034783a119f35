#!/usr/bin/env node
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');

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
  // A reader that goes away (dmrel ... | head) is no error.
  process.stdout.on('error', (error) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
    throw error;
  });
  require('node:module').enableCompileCache?.();
  require(main)
    .main(process, home)
    .then((code) => {
      process.exitCode = code;
    });
}
