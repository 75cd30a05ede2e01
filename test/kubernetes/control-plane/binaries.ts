import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The Kubernetes version that is built where `KUBERNETES_VERSION` names no other. It is the one in `kubernetes/go.mod`. */
export const DEFAULT_VERSION = '1.36.3';

export type Binary = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'kwok';
/** Absolute path of each binary. */
export type Binaries = Readonly<Record<Binary, string>>;

/** Neither ready-made binaries nor a Go toolchain to build them are on this machine. The message says what to install. */
export class NoControlPlane extends Error {
  override readonly name = 'NoControlPlane';

  constructor(missing: readonly string[], goVersion: string) {
    super(
      [
        '',
        '  THERE IS NO KUBERNETES CONTROL PLANE ON THIS MACHINE, AND NOTHING TO BUILD ONE WITH.',
        '',
        `  Missing: ${missing.join(', ')}.`,
        '  Do one of these:',
        `    - install Go ${goVersion} or newer (https://go.dev/dl): the binaries are then built once, in some minutes, and kept;`,
        '    - put etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok on PATH, or in a folder named by KUBEBUILDER_ASSETS;',
        '    - set SLIPWAY_SKIP_KUBERNETES=1 to do without: nothing is then proven against a real Kubernetes.',
        '',
      ].join('\n'),
    );
  }
}

/** One Go module of this folder, and what is built from it. */
interface Source {
  readonly folder: 'kubernetes' | 'etcd' | 'kwok';
  readonly module: string;
  readonly commands: Partial<Record<Binary, string>>;
}

const here = dirname(fileURLToPath(import.meta.url));
const run = promisify(execFile);

const SOURCES: readonly Source[] = [
  { folder: 'etcd', module: 'go.etcd.io/etcd/server/v3', commands: { etcd: 'go.etcd.io/etcd/server/v3' } },
  { folder: 'kwok', module: 'sigs.k8s.io/kwok', commands: { kwok: 'sigs.k8s.io/kwok/cmd/kwok' } },
  {
    folder: 'kubernetes',
    module: 'k8s.io/kubernetes',
    commands: {
      'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
      'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
      'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
    },
  },
];

/** The wanted Kubernetes version, without the `v`: `KUBERNETES_VERSION`, or the default. */
export function wantedVersion(environment: NodeJS.ProcessEnv = process.env): string {
  const version = (environment['KUBERNETES_VERSION'] ?? DEFAULT_VERSION).replace(/^v/, '');
  if (!/^1\.\d+\.\d+$/.test(version)) throw new Error(`KUBERNETES_VERSION must be like ${DEFAULT_VERSION}, and is ${version}`);
  return version;
}

/** Finds the five binaries, or builds what is missing into the cache folder, with one line per binary on stderr. Rejects with NoControlPlane. */
export async function findOrBuildBinaries(version = wantedVersion()): Promise<Binaries> {
  const found: Partial<Record<Binary, string>> = {};
  const toBuild: Source[] = [];
  for (const source of SOURCES) {
    const ready = (await readyMade(source, version)) ?? built(source, version);
    if (ready) Object.assign(found, ready);
    else toBuild.push(source);
  }
  if (toBuild.length > 0 && !(await hasGo())) {
    throw new NoControlPlane(
      toBuild.flatMap((source) => Object.keys(source.commands)),
      goDirective(readFileSync(join(here, 'kubernetes', 'go.mod'), 'utf8')),
    );
  }
  for (const source of toBuild) Object.assign(found, await build(source, version));
  return found as Binaries;
}

/** The binaries of one source from `KUBEBUILDER_ASSETS` or PATH: all of them from one folder and, for Kubernetes, of the version that was asked for. */
async function readyMade(source: Source, version: string): Promise<Partial<Binaries> | undefined> {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  const folders = [...(assets ? [assets] : []), ...(process.env['PATH'] ?? '').split(delimiter)].filter((folder) => folder !== '');
  for (const folder of folders) {
    const paths = inFolder(source, folder);
    if (!paths) continue;
    const server = paths['kube-apiserver'];
    // A ready-made Kubernetes of another version is welcome only where nobody asked for a particular one.
    if (server && process.env['KUBERNETES_VERSION'] && !(await run(server, ['--version'])).stdout.includes(`v${version}`)) continue;
    return paths;
  }
  return undefined;
}

function built(source: Source, version: string): Partial<Binaries> | undefined {
  return inFolder(source, cacheFolder(source, version));
}

function inFolder(source: Source, folder: string): Partial<Binaries> | undefined {
  const paths = Object.keys(source.commands).map((name) => [name, join(folder, name)] as const);
  return paths.every(([, path]) => isExecutable(path)) ? Object.fromEntries(paths) : undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

async function hasGo(): Promise<boolean> {
  return run('go', ['version']).then(
    () => true,
    () => false,
  );
}

/** Outlives the checkout. Its key changes with every dependency, so a cache is never stale. */
function cacheFolder(source: Source, version: string): string {
  const root = process.env['SLIPWAY_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'slipway', 'control-plane');
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(here, source.folder, file)));
  hash.update(`${process.platform} ${process.arch} ${sourceVersion(source, version)}`);
  return join(root, `${source.folder}-${sourceVersion(source, version)}-${hash.digest('hex').slice(0, 12)}`);
}

function sourceVersion(source: Source, version: string): string {
  if (source.folder === 'kubernetes') return version;
  const text = readFileSync(join(here, source.folder, 'go.mod'), 'utf8');
  const required = text.split('\n').find((line) => line.includes(`${source.module} v`));
  return required?.split(' v')[1]?.trim() ?? 'unknown';
}

/** Builds into a folder of its own and renames it, so that two builds at once end in one whole cache folder, never in a half one. */
async function build(source: Source, version: string): Promise<Partial<Binaries>> {
  const target = cacheFolder(source, version);
  mkdirSync(dirname(target), { recursive: true });
  const working = mkdtempSync(`${target}.building-`);
  try {
    const module = await moduleFolder(source, version, working);
    const output = join(working, 'bin');
    for (const [name, path] of Object.entries(source.commands)) await buildOne(module, name, path, join(output, name), source, version);
    try {
      renameSync(output, target);
    } catch (error) {
      if (!inFolder(source, target)) throw error; // Otherwise another process has just finished the same build.
    }
  } finally {
    rmSync(working, { recursive: true, force: true });
  }
  const paths = inFolder(source, target);
  if (!paths) throw new Error(`the build of ${source.folder} left no binaries in ${target}`);
  return paths;
}

async function buildOne(module: string, name: string, path: string, output: string, source: Source, version: string): Promise<void> {
  const label = `${name} ${sourceVersion(source, version)}`;
  process.stderr.write(`control plane: building ${label} (once; minutes where Go's build cache is cold) ...\n`);
  const started = performance.now();
  await go(['build', '-buildvcs=false', '-trimpath', '-ldflags', linkerFlags(source, version), '-o', output, path], module);
  process.stderr.write(`control plane: built ${label} in ${Math.round((performance.now() - started) / 1000)} s\n`);
}

/** Kubernetes reads its version from variables that its own build sets; without them the server calls itself v0.0.0 and refuses feature gates. */
function linkerFlags(source: Source, version: string): string {
  if (source.folder !== 'kubernetes') return '-s -w';
  const [major, minor] = version.split('.');
  const component = 'k8s.io/component-base/version';
  const settings = [
    `${component}.gitVersion=v${version}`,
    `${component}.gitMajor=${major}`,
    `${component}.gitMinor=${minor}`,
    `k8s.io/client-go/pkg/version.gitVersion=v${version}`,
  ];
  return ['-s -w', ...settings.map((setting) => `-X ${setting}`)].join(' ');
}

/** The committed module, or for another Kubernetes version one derived from what that version says of itself. */
async function moduleFolder(source: Source, version: string, working: string): Promise<string> {
  if (source.folder !== 'kubernetes' || version === DEFAULT_VERSION) return join(here, source.folder);
  const folder = join(working, 'module');
  mkdirSync(folder);
  process.stderr.write(`control plane: resolving the dependencies of Kubernetes ${version} ...\n`);
  const { stdout } = await run('go', ['mod', 'download', '-json', `k8s.io/kubernetes@v${version}`], { cwd: working });
  const itsOwn = readFileSync((JSON.parse(stdout) as { GoMod: string }).GoMod, 'utf8');
  writeFileSync(join(folder, 'go.mod'), deriveModule(itsOwn, version));
  writeFileSync(join(folder, 'tools.go'), readFileSync(join(here, 'kubernetes', 'tools.go')));
  await go(['mod', 'tidy'], folder);
  return folder;
}

/** A go.mod that needs Kubernetes `version`, given that version's own go.mod: its staging folders are published as modules of version v0.X. */
export function deriveModule(itsOwn: string, version: string): string {
  const staging = [...itsOwn.matchAll(/^\s*(?:replace )?(\S+) => \.\/staging\//gm)].map((match) => match[1]);
  const published = version.replace(/^1\./, 'v0.');
  const godebug = /^godebug (?:default=\S+|\([^)]*\))/m.exec(itsOwn)?.[0];
  return [
    'module slipway.dev/test/control-plane/kubernetes',
    `go ${goDirective(itsOwn)}`,
    ...(godebug ? [godebug] : []),
    `require k8s.io/kubernetes v${version}`,
    `replace (\n${staging.map((module) => `\t${module} => ${module} ${published}`).join('\n')}\n)`,
    '',
  ].join('\n\n');
}

function goDirective(module: string): string {
  return /^go (\S+)$/m.exec(module)?.[1] ?? '1.26';
}

/** Runs go and shows what it printed only where it failed: module downloads alone would be hundreds of lines. */
async function go(parameters: readonly string[], folder: string): Promise<void> {
  if (!existsSync(folder)) throw new Error(`there is no folder ${folder}`);
  const child = spawn('go', parameters, { cwd: folder, env: { ...process.env, CGO_ENABLED: '0' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-8_000)));
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) throw new Error(`go ${parameters[0]} failed in ${basename(folder)} with exit code ${code}:\n${output}`);
}
