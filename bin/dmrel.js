#!/usr/bin/env node
'use strict';
const { existsSync, readFileSync } = require('node:fs');
const { isAbsolute, join } = require('node:path');
const { Script } = require('node:vm');

const scriptOf = (filename, source, cachedData) =>
  new Script(`(function(exports,require,module){${source}\n})`, { filename, cachedData });

/**
 * Load what the build made, with the code that it has compiled already (scripts/compile.cjs): node has no such thing of
 * its own before 22, and compiling takes longer than running. What node does not take, it compiles itself.
 * @param code where the compiled code is
 * @param seen told of each script that is loaded
 * @returns loads one file of the build
 */
function loaderOf(dist, code, seen = () => {}) {
  const modules = new Map();
  const builtins = new Map();
  const load = (name) => {
    const known = modules.get(name);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    modules.set(name, module);
    const filename = join(dist, name);
    const script = scriptOf(filename, readFileSync(filename, 'utf8'), compiled(join(code, name)));
    seen(name, script);
    script.runInThisContext()(module.exports, requireOf, module);
    return module.exports;
  };
  const requireOf = (name) => {
    if (name === '#validators') return load('validators.js');
    if (name.startsWith('./')) return load(name.slice(2));
    // Each file asks for its own: what node looks up for every one of them is looked up once.
    if (!builtins.has(name)) builtins.set(name, require(name));
    return builtins.get(name);
  };
  return load;
}

function compiled(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function begin() {
  const home = join(__dirname, '..');
  const dist = join(home, 'dist');
  const code = join(dist, `code-${process.version}-${process.arch}`);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 11)) {
    process.stderr.write(`dmrel needs Node 20.11 or newer; this is ${process.versions.node}\n`);
    process.exitCode = 3;
  } else if (existsSync(code)) {
    loaderOf(dist, code)('main.js').start(process, home);
  } else if (!existsSync(join(dist, 'main.js'))) {
    process.stderr.write("dmrel is not built; run 'npm ci' (or 'npm run build') in its directory\n");
    process.exitCode = 3;
  } else {
    // Compiled code is kept (Node 22 and newer) where no other user of the machine can put any.
    const { HOME, XDG_CACHE_HOME } = process.env;
    const cache = [XDG_CACHE_HOME, HOME && join(HOME, '.cache')].find((each) => each && isAbsolute(each));
    if (cache) require('node:module').enableCompileCache?.(join(cache, 'dmrel', 'code'));
    require(join(dist, 'main.js')).start(process, home);
  }
}

if (require.main === module) begin();
else module.exports = { loaderOf, scriptOf };
