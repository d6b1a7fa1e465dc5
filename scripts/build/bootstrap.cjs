'use strict';
/**
 * First script of the executable (the SEA main) and of every worker thread that it starts.
 *
 * It runs one of the program's parts (parts.ts) from two embedded assets: the part's bundle, and V8's code cache of it
 * taken after a warm-up run. Node's own `useCodeCache` keeps only what is compiled before the script runs, which leaves
 * most functions to be compiled again at every start.
 *
 * A plain script because Node runs it before there is anything that could strip types, and because a worker receives
 * it as text: `new Worker(getAsset('bootstrap.cjs', 'utf8'), { eval: true })`.
 */
const { getAsset, getRawAsset, getAssetKeys } = require('node:sea');
const { Script } = require('node:vm');

const keys = getAssetKeys();

function choosePart() {
  // What Node calls the script of a worker that was started from text.
  if (process.argv[1] === '[worker eval]' && keys.includes('reader.js')) return 'reader';
  return process.argv[2] === 'agent' && keys.includes('agent.js') ? 'agent' : 'nexus';
}

const part = choosePart();
// Before the script is compiled: a code cache fits only a V8 with the same flags.
if (keys.includes(`${part}.flags`)) require('node:v8').setFlagsFromString(getAsset(`${part}.flags`, 'utf8'));
const cachedData = keys.includes(`${part}.cache`) ? Buffer.from(getRawAsset(`${part}.cache`)) : undefined;
// The asset itself is not copied, and one byte is one character.
const source = Buffer.from(getRawAsset(`${part}.js`)).latin1Slice();
const script = new Script(source, { filename: 'nexus.js', ...(cachedData === undefined ? {} : { cachedData }) });
// A cache that V8 refuses costs time and memory, but nothing works differently: only the build asks.
if (script.cachedDataRejected === true && process.env.NEXUS_REQUIRE_CODE_CACHE === '1') {
  throw new Error(`V8 refuses the code cache of '${part}'`);
}
const program = { exports: {} };
script.runInThisContext()(program.exports, require, program, process.execPath, '/');
