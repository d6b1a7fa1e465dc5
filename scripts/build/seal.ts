/**
 * Injects a bundle and its assets into a Node binary: `seal.ts JSON`, the JSON being a {@link SealOrder}.
 *
 * A process of its own because pkg reads HOME to find its cache of Node binaries, changes the working directory and
 * reports on stdout. pkg's command line offers neither assets nor `useCodeCache` for a plain script, so its SEA routine
 * is called directly; the version is pinned, and the build fails at once should the routine move.
 */
import seaModule from '@yao-pkg/pkg/lib-es5/sea.js';
import { V8_FLAGS } from './v8-flags.ts';

export interface SealOrder {
  readonly main: string;
  readonly outfile: string;
  /** Bare version of the Node to inject into, as in `24.21.0`. */
  readonly nodeVersion: string;
  readonly arch: 'x64' | 'arm64';
  /** Asset name to file. */
  readonly assets: Readonly<Record<string, string>>;
}

if (import.meta.main) {
  const [text] = process.argv.slice(2);
  if (text === undefined) throw new Error('seal.ts needs one argument: the order as JSON.');
  // Written by build.ts just before; a wrong shape is a bug there, not outside data.
  const order = JSON.parse(text) as SealOrder;
  await seaModule.default(order.main, {
    targets: [{ nodeRange: `node${order.nodeVersion}`, platform: 'linux', arch: order.arch, output: order.outfile }],
    seaConfig: {
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      // The bootstrap is a few lines; each part has a cache of its own, see bootstrap.cjs.
      useCodeCache: false,
      assets: { ...order.assets },
      ...{ execArgv: V8_FLAGS },
    },
  });
}
