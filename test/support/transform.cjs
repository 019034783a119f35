// TypeScript for Jest, by the compiler that makes the build.
const { createHash } = require('node:crypto');
const esbuild = require('esbuild');

module.exports = {
  getCacheKey: (source, path) => createHash('sha256').update(`${esbuild.version}\0${path}\0${source}`).digest('hex'),
  process: (source, path) =>
    esbuild.transformSync(source, {
      loader: 'ts',
      format: 'esm',
      target: 'node20',
      sourcemap: 'inline',
      sourcefile: path,
    }),
};
