/** Bundles the program into one script that runs inside the executable, where `require` knows Node's own modules only. */
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** Name of the asset that holds the target's SQLite addon. */
export const ADDON_ASSET = 'better_sqlite3.node';

export interface BundleOrder {
  /** Repository root, where packages are resolved from. */
  readonly root: string;
  readonly entry: string;
  readonly outfile: string;
  /** Names the addon that travels along, as better-sqlite3 names its entries: `linux-x64`. */
  readonly target: string;
  readonly version: string;
  readonly commit: string;
}

export interface Bundle {
  /** The target's addon, when the program uses SQLite. */
  readonly addon: string | null;
}

/** Writes a wrapped CommonJS bundle to `outfile`; throws with every message when esbuild finds a fault. */
export async function bundleProgram(order: BundleOrder): Promise<Bundle> {
  const addons = new Set<string>();
  const result = await build({
    absWorkingDir: order.root,
    entryPoints: [order.entry],
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    // The main script of an executable is CommonJS: an ES module could not import() anything but Node's own modules.
    format: 'cjs',
    // Nor can a script that the bootstrap compiles: import() of Node's own modules becomes require().
    supported: { 'dynamic-import': false },
    // One byte per character, which V8 takes without converting.
    charset: 'ascii',
    // Names and lines survive, so that the stack of a bug report can be read.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 160,
    legalComments: 'none',
    define: {
      __NEXUS_VERSION__: JSON.stringify(order.version),
      __NEXUS_COMMIT__: JSON.stringify(order.commit),
      // Where the sources lie: what runs from the executable must not ask.
      'import.meta.dirname': 'undefined',
    },
    // `import.meta.url` is empty in CommonJS, and code that relies on it would fail only when it runs.
    logOverride: { 'empty-import-meta': 'error' },
    logLevel: 'silent',
    plugins: [embedAddon(order.target, addons), leaveOutSubcommandPrograms()],
  });
  for (const warning of result.warnings) process.stderr.write(`esbuild: ${warning.text}\n`);
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error(`esbuild gave no output for ${order.entry}.`);
  await writeFile(
    order.outfile,
    `(function (exports, require, module, __filename, __dirname) {${output.text}\n})`,
    'latin1',
  );

  const [addon, ...others] = addons;
  if (others.length > 0) {
    throw new Error(
      `Only one native addon can travel in the executable, but the bundle needs ${[...addons].map((file) => basename(file)).join(' and ')}.`,
    );
  }
  return { addon: addon ?? null };
}

/**
 * commander can run subcommands that are programs of their own, and loads `node:child_process` for it at every start. There
 * are none of them here.
 */
function leaveOutSubcommandPrograms(): Plugin {
  return {
    name: 'leave-out-subcommand-programs',
    setup(pluginBuild) {
      pluginBuild.onResolve({ filter: /^node:child_process$/ }, ({ path, importer }) =>
        /[\\/]node_modules[\\/]commander[\\/]/.test(importer) ? { path, namespace: 'left-out' } : null,
      );
      pluginBuild.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'export default {};' }));
    },
  };
}

/** Takes better-sqlite3's entry for the target, and makes that entry's addon load from the executable. */
function embedAddon(target: string, addons: Set<string>): Plugin {
  return {
    name: 'embed-addon',
    setup(pluginBuild) {
      pluginBuild.onResolve({ filter: /^better-sqlite3$/ }, ({ kind, resolveDir }) =>
        pluginBuild.resolve(`better-sqlite3/${target}`, { kind, resolveDir }),
      );
      pluginBuild.onResolve({ filter: /\.node$/ }, ({ path, resolveDir }) => ({
        path: join(resolveDir, path),
        namespace: 'embedded-addon',
      }));
      pluginBuild.onLoad({ filter: /.*/, namespace: 'embedded-addon' }, ({ path }) => {
        addons.add(path);
        const loader = join(import.meta.dirname, 'embedded-addon.cjs');
        return {
          contents: `module.exports = require(${JSON.stringify(loader)}).loadEmbeddedAddon(${JSON.stringify(ADDON_ASSET)});`,
          resolveDir: import.meta.dirname,
        };
      });
    },
  };
}
