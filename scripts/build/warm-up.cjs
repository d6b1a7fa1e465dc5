'use strict';
/**
 * Makes V8's code cache of a bundle: `warm-up.cjs BUNDLE CACHE V8_FLAGS [ARGUMENT]…`. With arguments it runs the bundle
 * on them and keeps what was compiled on the way, without any it only compiles the script. The cache fits only the V8 that
 * made it, so this runs on the Node that the executable is made of, with the same flags, set at the same time.
 */
const { readFileSync, writeFileSync } = require('node:fs');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');

const [bundle, cache, v8Flags, ...args] = process.argv.slice(2);
setFlagsFromString(v8Flags);
const script = new Script(readFileSync(bundle, 'latin1'), { filename: 'nexus.js' });
// Written at exit, however the program comes to it: by then every function of the warm-up's path is compiled.
process.on('exit', () => writeFileSync(cache, script.createCachedData()));
if (args.length > 0) {
  process.argv = [process.execPath, process.execPath, ...args];
  const program = { exports: {} };
  script.runInThisContext()(program.exports, require, program, process.execPath, '/');
}
