'use strict';
/**
 * Stands in for `require('….node')` inside the executable: the addon travels as an asset, and the dynamic loader wants
 * a path. An unnamed file (O_TMPFILE) opened through /proc/self/fd is one that no other user can see, replace or create
 * first, and that vanishes with its last use: nothing has to be cleaned up, and any number of processes may start at
 * once. Where no file system or /proc offers that, a fresh 0700 folder does for the moment of loading.
 *
 * Several folders are tried because any one of them may be read-only, full or mounted noexec (a container's /dev/shm is).
 */
const { constants, closeSync, mkdtempSync, openSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { getRawAsset } = require('node:sea');

/** Linux's `O_TMPFILE`, which Node does not name. It contains O_DIRECTORY, whose number depends on the architecture. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

function candidateFolders() {
  const folders = [process.env['XDG_RUNTIME_DIR'], tmpdir(), '/dev/shm', '/var/tmp', '/run', process.cwd()];
  return [...new Set(folders.filter((folder) => typeof folder === 'string' && folder.startsWith('/')))];
}

function loadUnnamed(bytes, folder) {
  const fd = openSync(folder, O_TMPFILE | constants.O_RDWR, 0o700);
  try {
    writeFileSync(fd, bytes);
    const addon = { exports: {} };
    process.dlopen(addon, `/proc/self/fd/${fd}`);
    return addon.exports;
  } finally {
    closeSync(fd);
  }
}

function loadNamed(bytes, folder) {
  const ownFolder = mkdtempSync(join(folder, 'nexus-'));
  try {
    const file = join(ownFolder, 'addon.node');
    writeFileSync(file, bytes, { mode: 0o700, flag: 'wx' });
    const addon = { exports: {} };
    process.dlopen(addon, file);
    return addon.exports;
  } finally {
    rmSync(ownFolder, { recursive: true, force: true });
  }
}

/** Loads the addon embedded under `assetName`; throws with every folder's reason when none lets code be loaded. */
module.exports.loadEmbeddedAddon = (assetName) => {
  const bytes = Buffer.from(getRawAsset(assetName));
  const folders = candidateFolders();
  const refusals = [];
  for (const load of [loadUnnamed, loadNamed]) {
    for (const folder of folders) {
      try {
        return load(bytes, folder);
      } catch (error) {
        refusals.push(`${folder}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  throw new Error(
    'The SQLite library inside this executable could not be loaded, because no folder allows it. Make one of these ' +
      `writable and mounted without noexec, or point TMPDIR at one that is:\n  ${refusals.join('\n  ')}`,
  );
};
