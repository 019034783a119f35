'use strict';
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

/**
 * Load what the build made, with the code that it has compiled already (scripts/compile.cjs): node has no such thing of
 * its own before 22, and compiling takes longer than running.
 * @param dist the build
 * @param code where the compiled code is, made by this very version of node; what it does not take it compiles itself
 * @param seen told of each script that is loaded
 * @returns loads one file of the build
 */
exports.loaderOf = (dist, code, seen = () => {}) => {
  const modules = new Map();
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
    return name.startsWith('./') ? load(name.slice(2)) : require(name);
  };
  return load;
};

const scriptOf = (filename, source, cachedData) =>
  new Script(`(function(exports,require,module){${source}\n})`, { filename, cachedData });
exports.scriptOf = scriptOf;

function compiled(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
