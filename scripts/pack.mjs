/**
 * Node takes longer to open a file than to read it: what every command begins with is put in one file; what most of them
 * go on with in another, with all of the one that people wait for most often.
 * @param files the built files by name, CommonJS; changed in place
 * @param graph what each imports: esbuild's `metafile.outputs`, by name
 */
export function pack(files, graph) {
  const imported = (name, kind) =>
    graph[name].imports.filter((each) => each.kind === kind && each.path in graph).map(({ path }) => path);
  const closure = (name) => {
    const all = new Set([name]);
    for (const each of all) for (const next of imported(each, 'import-statement')) all.add(next);
    return [...all];
  };
  const [main, program, builtin] = [/^main\./, /^program-/, /^builtin-/].map((form) =>
    Object.keys(graph).find((name) => form.test(name)),
  );
  const start = new Set([main, program, builtin].flatMap(closure));
  const commands = imported(builtin, 'dynamic-import');
  const uses = new Map();
  for (const name of commands.flatMap(closure)) uses.set(name, (uses.get(name) ?? 0) + 1);
  const often = new Set(closure(commands.find((name) => name.startsWith('milestone-status-'))));
  const isCommon = (name) => (often.has(name) || uses.get(name) > commands.length * 0.75) && !start.has(name);
  const common = [...uses.keys()].filter(isCommon);
  const images = ['image-copy-', 'client-'].flatMap((begin) =>
    closure(Object.keys(graph).find((name) => name.startsWith(begin))),
  );
  join(
    files,
    'images.js',
    [...new Set(images)].filter((name) => !start.has(name) && !common.includes(name)),
  );
  join(files, 'common.js', common);
  join(
    files,
    main,
    [...start].filter((name) => name !== main),
  );
}

/** Put modules into a file that gives each when it is asked for, and let all others ask there. */
function join(files, into, names) {
  const getters = new Map(names.map((name) => [name, name.replace(/\.js$/, '').replaceAll('-', '_')]));
  const modules = names.map((name) => {
    const get = getters.get(name);
    return `var ${get}_;
function ${get}() {
  if (!${get}_) {
    ${get}_ = { exports: {} };
    (function (module) {
${files.get(name)}
    })(${get}_);
  }
  return ${get}_.exports;
}
`;
  });
  for (const name of names) files.delete(name);
  const exported = `Object.assign(module.exports, { ${[...getters.values()].join(', ')} });\n`;
  files.set(into, `${modules.join('')}${files.get(into) ?? ''}${exported}`);
  for (const [name, code] of files) {
    const asked = code.replaceAll(/\brequire\("\.\/([^"]+)"\)/g, (statement, path) => {
      const get = getters.get(path);
      if (get === undefined) return statement;
      return name === into ? `${get}()` : `require("./${into}").${get}()`;
    });
    files.set(name, asked);
  }
}
