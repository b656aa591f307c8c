// Builds the addon: native/build/Release/clatd_native.node. Run by `npm ci` and `npm install`; by hand: node native/build.js
//
// node-gyp (it comes with npm) with the headers that came with Node, so nothing is downloaded. Where it cannot run (no
// python3, no make, a Node without headers) the compiler is called directly with the headers of node-api-headers: the
// addon is nine small files of plain C.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const output = join(here, 'build/Release/clatd_native.node');

function inPath(program) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, program)).find((file) => existsSync(file)) ?? null;
}

function compiler() {
  if (process.env.CC) return process.env.CC;
  return inPath('cc') ?? inPath('gcc') ?? inPath('clang');
}

/** node-gyp.js: as npm says; beside the npm that is in PATH; or installed by itself. */
function nodeGyp() {
  const npm = inPath('npm');
  const npmFolder = npm === null ? null : dirname(dirname(realpathSync(npm)));
  const besideNode = join(dirname(dirname(realpathSync(process.execPath))), 'lib/node_modules/npm');
  const candidates = [
    process.env.npm_config_node_gyp,
    ...[npmFolder, besideNode].map(
      (folder) => folder && join(folder, 'node_modules/node-gyp/bin/node-gyp.js'),
    ),
    '/usr/share/nodejs/node-gyp/bin/node-gyp.js',
  ];
  return candidates.find((file) => file && existsSync(file)) ?? null;
}

/** The folder node-gyp calls nodedir: this Node's own headers, with common.gypi beside them. */
function nodeDir() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  if (
    existsSync(join(prefix, 'include/node/common.gypi')) &&
    existsSync(join(prefix, 'include/node/node_api.h'))
  ) {
    return prefix;
  }
  // Debian's libnode-dev.
  return existsSync('/usr/include/nodejs/common.gypi') ? '/usr/include/nodejs' : null;
}

function run(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: here, encoding: 'utf8', ...options });
  return {
    ok: result.status === 0,
    text: `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}`,
  };
}

function withNodeGyp() {
  const gyp = nodeGyp();
  const folder = nodeDir();
  if (gyp === null || folder === null || inPath('python3') === null || inPath('make') === null) return null;
  return run(process.execPath, [gyp, 'configure', 'build', `--nodedir=${folder}`, '--loglevel=error']);
}

function headers() {
  const folder = nodeDir();
  const candidates = folder === null ? [] : [join(folder, 'include/node'), join(folder, 'src')];
  try {
    candidates.push(createRequire(import.meta.url)('node-api-headers').include_dir);
  } catch {
    // Installed without development dependencies.
  }
  return candidates.find((candidate) => existsSync(join(candidate, 'node_api.h'))) ?? null;
}

/** The same flags as binding.gyp. */
function withCompiler(cc) {
  const include = headers();
  if (include === null)
    return { ok: false, text: 'no Node-API headers: install node-api-headers (npm) or libnode-dev' };
  mkdirSync(dirname(output), { recursive: true });
  const flags = ['-shared', '-fPIC', '-std=c11', '-O2', '-Wall', '-Wextra', '-fvisibility=hidden'];
  const defines = ['-D_GNU_SOURCE', '-DNAPI_VERSION=8', '-DNODE_GYP_MODULE_NAME=clatd_native'];
  const sources = [
    'addon.c',
    'tun.c',
    'link.c',
    'queue.c',
    'ring.c',
    'socket.c',
    'watch.c',
    'host.c',
    'lock.c',
  ];
  // Renamed into place: a running process keeps the file it has mapped.
  const fresh = `${output}.${process.pid}`;
  const result = run(cc, [...flags, ...defines, `-I${include}`, '-o', fresh, ...sources]);
  if (result.ok) renameSync(fresh, output);
  return result;
}

const cc = compiler();
if (cc === null) {
  console.error(
    'clatd: no C compiler found, so the TUN addon cannot be built. On Debian or Ubuntu: apt-get install build-essential python3',
  );
  process.exit(1);
}
const gyp = withNodeGyp();
const result = gyp?.ok ? gyp : withCompiler(cc);
if (!result.ok || !existsSync(output)) {
  console.error(`clatd: the TUN addon in native/ did not build.\n${gyp?.text ?? ''}\n${result.text}`);
  console.error('On Debian or Ubuntu: apt-get install build-essential python3, then: node native/build.js');
  process.exit(1);
}
if (/warning:/.test(result.text)) console.error(result.text);
