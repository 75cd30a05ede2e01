import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOrBuildBinaries } from './binaries.ts';
import type { Binaries } from './binaries.ts';
import { Client } from './client.ts';
import type { Access, KubernetesObject, RequestOptions } from './client.ts';
import { commandLines } from './command-lines.ts';
import type { CommandLine, Component, Layout } from './command-lines.ts';
import { startKubelet } from './kubelet.ts';
import type { Kubelet } from './kubelet.ts';
import { freePorts, Processes } from './processes.ts';
import { kwokConfiguration } from './stages.ts';
import type { Stage } from './stages.ts';

export type { Component } from './command-lines.ts';

export interface ControlPlaneOptions {
  /** Told in errors, and the name of the kubeconfig's context. */
  readonly name: string;
  /** Fake nodes, each with 64 CPUs, 256 GiB and room for 250 pods; 5 unless said. */
  readonly nodes?: number;
  /** kwok stages besides the ones of this folder. */
  readonly stages?: readonly Stage[];
  /** Lifts the clients' rate limits of controller manager and scheduler, whose defaults are all that a large rollout would measure. */
  readonly fastControllers?: boolean;
  /** Has the controller manager reach the API server at another address, such as a gateway's. */
  readonly controllersThrough?: (access: Access) => Promise<Pick<Access, 'server' | 'caData'>>;
  /** Where its data and logs go; a new folder in the system's temporary folder unless said. Removed in the end, unless SLIPWAY_KEEP_LOGS is set. */
  readonly folder?: string;
}

/** One running control plane: real etcd, API server, controller manager and scheduler, and kwok in the place of the kubelets. */
export interface ControlPlane {
  readonly name: string;
  /** As the API server says it, such as `v1.36.3`. */
  readonly version: string;
  readonly server: string;
  /** PEM in base64, as in a kubeconfig. */
  readonly caData: string;
  /** A bearer token of group system:masters. */
  readonly adminToken: string;
  readonly kubeconfig: string;
  readonly logsFolder: string;
  readonly pids: Readonly<Record<string, number>>;
  readonly client: Client;
  /** As `client.request`, with the admin's token. */
  request<T = KubernetesObject>(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<T>;
  /** Ends one component with SIGKILL and waits until it is gone. */
  kill(component: Component): Promise<void>;
  /** Starts it again (killed first where it runs) with its ports and data; resolves once the API server is ready. */
  restart(component: Component): Promise<void>;
  stop(): Promise<void>;
}

const READY_TIMEOUT_MILLISECONDS = 90_000;

/** Starts one, in 3 to 5 seconds where the binaries are there, else after building them. Rejects with NoControlPlane, or with the end of a component's log. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const binaries = await findOrBuildBinaries();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options, binaries);
    } catch (error) {
      // Between finding a free port and binding it, somebody else may have taken it.
      if (attempt === 3 || !/address already in use/.test(String(error))) throw error;
    }
  }
}

async function startOnce(options: ControlPlaneOptions, binaries: Binaries): Promise<ControlPlane> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'slipway-control-plane-'));
  mkdirSync(folder, { recursive: true });
  const processes = new Processes(options.name, folder);
  let kubelet: Kubelet | undefined;
  try {
    const layout = await writeFiles(folder);
    const lines = commandLines(binaries, layout, { fastControllers: options.fastControllers ?? false });
    const begin = ({ name, binary, parameters, environment }: CommandLine) => processes.start(name, binary, parameters, environment);
    const ended = [begin(lines.etcd), begin(lines['kube-apiserver'])];
    const client = await Promise.race([...ended, firstContact(layout)]);
    kubelet = await startKubelet(client, join(folder, 'certificates'));
    writeFileSync(layout.kubeconfigFile, kubeconfig('admin', client.access));
    const through = await options.controllersThrough?.(client.access);
    writeFileSync(layout.controllersKubeconfigFile, kubeconfig('admin', { ...client.access, ...through }));
    writeFileSync(join(folder, 'kwok.yaml'), kwokConfiguration(options.stages ?? [], kubelet.port));
    ended.push(begin(lines['kube-controller-manager']), begin(lines['kube-scheduler']), begin(lines.kwok));
    await Promise.race([...ended, populate(client, options.nodes ?? 5)]);
    return await describe(options.name, processes, client, lines, kubelet);
  } catch (error) {
    kubelet?.close();
    await processes.stop();
    throw error;
  }
}

/** Keys and tokens, and the ports that this start takes. */
async function writeFiles(folder: string): Promise<Layout> {
  const [etcdPort, etcdPeerPort, apiServerPort] = (await freePorts(3)) as [number, number, number];
  const file = (name: string) => join(folder, name);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  writeFileSync(file('service-account.pub'), publicKey);
  writeFileSync(file('service-account.key'), privateKey, { mode: 0o600 });
  const adminToken = randomBytes(24).toString('hex');
  writeFileSync(file('tokens.csv'), `${adminToken},admin,admin,"system:masters"\n`, { mode: 0o600 });
  const kubeconfigs = { kubeconfigFile: file('admin.kubeconfig'), controllersKubeconfigFile: file('controllers.kubeconfig') };
  return { folder, etcdPort, etcdPeerPort, apiServerPort, adminToken, ...kubeconfigs };
}

/** Waits until the API server has made its certificates, and then until it says that it is ready. */
async function firstContact(layout: Layout): Promise<Client> {
  const deadline = Date.now() + READY_TIMEOUT_MILLISECONDS;
  let authority: string | undefined;
  while (!(authority = readAuthority(join(layout.folder, 'certificates', 'apiserver.crt')))) {
    if (Date.now() > deadline) throw new Error('the API server made no certificate');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const caData = Buffer.from(authority).toString('base64');
  const client = new Client({ server: `https://127.0.0.1:${layout.apiServerPort}`, caData, token: layout.adminToken });
  await untilReady(client, deadline - Date.now());
  return client;
}

/** The second certificate of the server's file is its authority's. None while the file is not there, or not all written. */
function readAuthority(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  return readFileSync(file, 'utf8').match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n/g)?.[1];
}

/** There is nothing to watch before a server answers, so this asks again and again. */
async function untilReady(client: Client, timeoutMilliseconds: number): Promise<void> {
  const deadline = Date.now() + timeoutMilliseconds;
  for (;;) {
    try {
      await client.request('GET', '/readyz');
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Registers the nodes, and waits until pods can be placed on them and namespaces have their service account. */
async function populate(client: Client, nodes: number): Promise<void> {
  const names = Array.from({ length: nodes }, (_, index) => `node-${index + 1}`);
  await Promise.all(names.map((name, index) => client.request('POST', '/api/v1/nodes', node(name, index))));
  await client.until('/api/v1/nodes', (objects) => objects.length === nodes && objects.every(isSchedulable), READY_TIMEOUT_MILLISECONDS);
  await client.until(
    '/api/v1/namespaces/default/serviceaccounts',
    (objects) => objects.some((object) => object.metadata.name === 'default'),
    READY_TIMEOUT_MILLISECONDS,
  );
}

function node(name: string, index: number): unknown {
  const resources = { cpu: '64', memory: '256Gi', 'ephemeral-storage': '1Ti', pods: '250' };
  const zone = `zone-${'abc'[index % 3]}`;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'topology.kubernetes.io/zone': zone } },
    status: { capacity: resources, allocatable: resources },
  };
}

function isSchedulable(object: KubernetesObject): boolean {
  const conditions = (object['status']?.conditions ?? []) as { type: string; status: string }[];
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True') && !object['spec']?.taints;
}

async function describe(
  name: string,
  processes: Processes,
  client: Client,
  lines: Readonly<Record<Component, CommandLine>>,
  kubelet: Kubelet,
): Promise<ControlPlane> {
  const { gitVersion } = await client.request<{ gitVersion: string }>('GET', '/version');
  const { server, caData, token } = client.access;
  const cluster: ControlPlane = {
    name,
    version: gitVersion,
    server,
    caData,
    adminToken: token,
    kubeconfig: kubeconfig(name, client.access),
    logsFolder: processes.logsFolder,
    client,
    get pids() {
      return processes.pids;
    },
    request: (method, path, body, options) => client.request(method, path, body, options),
    kill: (component) => processes.kill(component),
    async restart(component) {
      await processes.kill(component);
      const { binary, parameters, environment } = lines[component];
      const ended = processes.start(component, binary, parameters, environment);
      await Promise.race([ended, untilReady(client, READY_TIMEOUT_MILLISECONDS)]);
    },
    async stop() {
      kubelet.close();
      await client.close();
      await processes.stop();
    },
  };
  return cluster;
}

/** A kubeconfig with one cluster, one user with a token, and one context, all called `name`. */
export function kubeconfig(name: string, { server, caData, token }: Access): string {
  return `apiVersion: v1
kind: Config
current-context: ${name}
clusters:
  - name: ${name}
    cluster:
      server: ${server}
      certificate-authority-data: ${caData}
contexts:
  - name: ${name}
    context:
      cluster: ${name}
      user: ${name}
users:
  - name: ${name}
    user:
      token: ${token}
`;
}
