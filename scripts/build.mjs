// The one build: schemas become validators, src/ becomes dist/ with one lazily loaded chunk a verb.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';
import { build, transformSync } from 'esbuild';
import { pack } from './pack.mjs';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');
// Made aside and put in place whole: a dmrel that runs meanwhile sees the old build or the new one.
const out = join(root, `dist.${process.pid}`);

/** Schemas of what dmrel reads are compiled; those of what it prints serve users and the tests. */
function validatorsSource() {
  const ajv = new Ajv2020.default({
    allErrors: true,
    verbose: true,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    code: { source: true, esm: true },
    validateFormats: false,
  });
  const refs = {};
  for (const file of readdirSync(join(root, 'schemas'))
    .filter((name) => name.endsWith('.schema.json'))
    .sort()) {
    const schema = JSON.parse(readFileSync(join(root, 'schemas', file), 'utf8'));
    const name = schema.properties?.schema?.const ?? schema.$comment;
    if (!schema.$comment?.startsWith('read:')) continue;
    const key = schema.properties?.schema?.const ?? schema.$comment.slice('read:'.length);
    if (name === undefined) throw new Error(`${file} names no schema`);
    ajv.addSchema(schema, key);
    refs[`v${Object.keys(refs).length}`] = key;
  }
  const table = Object.entries(refs).map(([id, key]) => `${JSON.stringify(key)}: ${id}`);
  return `${standalone.default(ajv, refs)}
export const validators = {${table.join(',')}};`;
}

function sourceHash() {
  const hash = createHash('sha256');
  const inside = (folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  for (const file of [...inside('src'), ...inside('schemas'), 'package-lock.json'].sort())
    hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest('hex').slice(0, 16);
}

/**
 * Imports from a room's index.ts go straight to the file that has the name: a bundle is split by what each file
 * reaches, and through an index every file reaches the whole room.
 */
const throughIndexes = {
  name: 'through-indexes',
  setup(builder) {
    const origins = new Map();
    const originsOf = (index) => {
      if (!origins.has(index)) {
        const lines = readFileSync(index, 'utf8').matchAll(/export (?:type )?\{([^}]*)\} from '([^']+)';/g);
        const names = [...lines].flatMap(([, list, file]) =>
          list.split(',').map((name) => [name.trim().replace(/^type /, ''), join(dirname(index), file)]),
        );
        origins.set(index, new Map(names));
      }
      return origins.get(index);
    };
    builder.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const contents = readFileSync(path, 'utf8').replaceAll(
        /^import \{([^}]*)\} from '(\.\.?\/[^']*\/index\.ts)';$/gm,
        (statement, list, from) => {
          const names = list
            .split(',')
            .map((name) => name.trim())
            .filter((name) => name !== '' && !name.startsWith('type '));
          const known = originsOf(resolve(dirname(path), from));
          return names
            .map((name) => {
              const file = known.get(name.split(' as ')[0]) ?? from;
              return `import { ${name} } from ${JSON.stringify(file)};`;
            })
            .join(' ')
            .concat('\n'.repeat(statement.split('\n').length - 1));
        },
      );
      return { contents, loader: 'ts' };
    });
  },
};

/** commander loads node:child_process for a feature that dmrel does not use; loading it takes as long as the rest of help. */
const withoutChildProcess = {
  name: 'without-child-process',
  setup(builder) {
    builder.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/node_modules/commander/') ? { path: 'child-process', namespace: 'later' } : undefined,
    );
    builder.onLoad({ filter: /.*/, namespace: 'later' }, () => ({
      contents: `Object.defineProperty(exports, 'spawn', { get: () => require('child_process').spawn });`,
      loader: 'js',
    }));
  },
};

const common = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
  legalComments: 'linked',
};
await build({
  ...common,
  stdin: { contents: validatorsSource(), resolveDir: root, loader: 'js' },
  outfile: join(out, 'validators.js'),
  minify: true,
});
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { metafile } = await build({
  ...common,
  metafile: true,
  entryPoints: { main: join(root, 'src/cli/start.ts') },
  outdir: out,
  splitting: true,
  chunkNames: '[name]-[hash]',
  minifySyntax: true,
  minifyWhitespace: true,
  external: ['#validators'],
  plugins: [throughIndexes, withoutChildProcess],
  define: { DMREL_BUILD: JSON.stringify(sourceHash()), DMREL_VERSION: JSON.stringify(version) },
});

/** What a module imports is loaded when it is first used: half of what a command could need it does not come to. */
function laterRequires(code) {
  const imports =
    /\bvar (import_\w+)=(require\("[^"]+"\)|\(0,import_\w+(?:\(\))?\.__toESM\)\(require_\w+\(\)(?:,1)?\));/g;
  const names = [...code.matchAll(imports)].map(([, name]) => name);
  if (names.length === 0) return code;
  const uses = new Set();
  const used = code.replaceAll(new RegExp(`\\b(new )?(${names.join('|')})\\.`, 'g'), (_use, made, name) => {
    uses.add(name);
    return made ? `new (${name}()).` : `${name}().`;
  });
  return used.replaceAll(imports, (_import, name, given) =>
    uses.has(name) ? `var ${name}_,${name}=()=>${name}_??=${given};` : '',
  );
}

/** What gives a module to `import()` would copy it, name by name: ours are made by the same hand, and node's are as good. */
const withoutCopies = (code) =>
  code
    .replaceAll(/\bvar __toCommonJS=mod=>[^;]*;/g, 'var __toCommonJS=mod=>__defProp(mod,"__esModule",{value:true});')
    .replaceAll(/\.then\(\(\)=>__toESM\((require\("[^"]+"\))\)\)/g, '.then(()=>$1)');

// Only ES modules can be split, but node starts CommonJS in half the time (no loader thread, no linking phase).
const options = {
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  minifyWhitespace: true,
  supported: { 'dynamic-import': false },
};
const built = readdirSync(out).filter((name) => name.endsWith('.js'));
const files = new Map(
  built.map((name) => [
    name,
    laterRequires(withoutCopies(transformSync(readFileSync(join(out, name), 'utf8'), options).code)),
  ]),
);
const within = relative(process.cwd(), out);
const named = (path) => relative(within, path);
pack(
  files,
  Object.fromEntries(
    Object.entries(metafile.outputs).map(([path, { imports }]) => [
      named(path),
      { imports: imports.map((each) => ({ ...each, path: named(each.path) })) },
    ]),
  ),
);
for (const name of built) rmSync(join(out, name));
for (const [name, code] of files) writeFileSync(join(out, name), code);
writeFileSync(join(out, 'package.json'), '{"type":"commonjs","imports":{"#validators":"./validators.js"}}\n');
const cwd = mkdtempSync(join(tmpdir(), 'dmrel-build-'));
const env = { PATH: process.env.PATH, HOME: cwd };
execFileSync(process.execPath, [join(root, 'scripts/compile.cjs'), out, root], { cwd, env, stdio: 'pipe' });
rmSync(cwd, { recursive: true });
rmSync(`${out}.old`, { recursive: true, force: true });
if (existsSync(dist)) renameSync(dist, `${out}.old`);
renameSync(out, dist);
rmSync(`${out}.old`, { recursive: true, force: true });
