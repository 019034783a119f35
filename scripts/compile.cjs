// Keeps the code of a build as node has compiled it, for the node it is run by: bin/dmrel.js says what for.
// Usage: node compile.cjs DIST HOME, in an empty directory that is HOME, too
'use strict';
const { createHash } = require('node:crypto');
const { mkdirSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { join } = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { loaderOf, scriptOf } = require('../bin/dmrel.js');

const [dist, home] = process.argv.slice(2);

/** A registry that has one image, and is given another. */
function registry() {
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf('{}'), size: 2 };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [] });
  const digest = digestOf(manifest);
  let given = false;
  const server = createServer((request, response) => {
    const { method, url } = request;
    request.resume();
    given ||= method === 'PUT';
    const has = method === 'GET' && url.includes('/manifests/') && (given || url.startsWith('/v2/from/'));
    const lists = url.includes('/tags/');
    response.writeHead(has || lists ? 200 : method === 'POST' || method === 'PUT' ? 201 : 404, {
      'Docker-Content-Digest': method === 'POST' ? config.digest : digest,
    });
    response.end(has ? manifest : lists ? '{"tags":["t"]}' : '');
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

const digestOf = (text) => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** Of what common commands use, that which they use: the less there is to read, the sooner they begin. */
async function used() {
  const scripts = new Map();
  const load = loaderOf(dist, '', (name, script) => scripts.set(name, script));
  const { run } = load('main.js');
  const server = await registry();
  const host = `127.0.0.1:${server.address().port}`;
  writeFileSync('dmrel.yaml', 'schema: dmrel/workspace/v1\norganization: build\n');
  for (const words of [
    '--help',
    `-C ${home} validate`,
    `-C ${home} milestone list`,
    `-C ${home} milestone status LDM-503-3`,
    `image copy ${host}/from:t ${host}/to:t`,
  ]) {
    process.argv.splice(2, Infinity, ...words.split(' '));
    const code = await run(process, home);
    if (code !== 0) throw new Error(`dmrel ${words} ended with ${code}`);
  }
  server.closeAllConnections();
  server.close();
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
