/*
 * Loaded before dmrel: ends it when it has written so many lines to journals, right after the line. Looking at the
 * journal from outside comes too late on a busy machine, for some lines always.
 */
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');

const { line, signal, afterMs } = JSON.parse(process.env.DMREL_TEST_DIE);
const journals = new Set();
let written = 0;

const { openSync, appendFileSync } = fs;
fs.openSync = (path, ...rest) => {
  const file = openSync(path, ...rest);
  if (String(path).endsWith('/journal.jsonl')) journals.add(file);
  return file;
};
fs.appendFileSync = (file, ...rest) => {
  appendFileSync(file, ...rest);
  if (!journals.has(file) || ++written !== line) return;
  if (afterMs === 0) process.kill(process.pid, signal);
  else setTimeout(() => process.kill(process.pid, signal), afterMs).unref();
};
syncBuiltinESMExports();
