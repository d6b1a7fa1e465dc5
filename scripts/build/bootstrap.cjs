'use strict';
/**
 * First script of the executable (the SEA main) and of every worker thread it may start.
 *
 * It runs the program from two embedded assets: the bundle, and V8's code cache of that bundle taken after a warm-up
 * run. Node's own `useCodeCache` keeps only what is compiled before the script runs, which leaves most functions to be
 * compiled again at every start. A cache that this V8 refuses is not an error: the bundle is then compiled as usual.
 *
 * A plain script because Node runs it before there is anything that could strip types, and because a worker receives
 * it as text: `new Worker(getAsset('bootstrap.cjs', 'utf8'), { eval: true })` runs the same bundle in a thread.
 */
const { getAsset, getRawAsset, getAssetKeys } = require('node:sea');
const { Script } = require('node:vm');

const cached = getAssetKeys().includes('nexus.cache') ? Buffer.from(getRawAsset('nexus.cache')) : undefined;
const script = new Script(getAsset('nexus.js', 'latin1'), {
  filename: 'nexus.js',
  ...(cached === undefined ? {} : { cachedData: cached }),
});
const program = { exports: {} };
script.runInThisContext()(program.exports, require, program, process.execPath, '/');
