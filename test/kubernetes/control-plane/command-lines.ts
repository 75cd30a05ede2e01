import { join } from 'node:path';
import type { Binaries, Binary } from './binaries.ts';

export type Component = Binary;

/** Where one control plane keeps its things. */
export interface Layout {
  readonly folder: string;
  readonly etcdPort: number;
  readonly etcdPeerPort: number;
  readonly apiServerPort: number;
  readonly adminToken: string;
  readonly kubeconfigFile: string;
  /** By which the controller manager reaches the API server. */
  readonly controllersKubeconfigFile: string;
}

export interface CommandLine {
  readonly name: Component;
  readonly binary: string;
  readonly parameters: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
}

/** How each component is started. Everything listens on 127.0.0.1 alone; controller manager and scheduler listen on nothing. */
export function commandLines(
  binaries: Binaries,
  layout: Layout,
  options: { fastControllers: boolean },
): Readonly<Record<Component, CommandLine>> {
  const unlimited = options.fastControllers ? ['--kube-api-qps=1000', '--kube-api-burst=2000'] : [];
  const manyAtOnce = options.fastControllers ? ['--concurrent-deployment-syncs=50', '--concurrent-replicaset-syncs=50'] : [];
  const line = (name: Component, parameters: readonly string[], environment?: NodeJS.ProcessEnv): CommandLine => ({
    name,
    binary: binaries[name],
    parameters,
    ...(environment && { environment }),
  });
  return {
    etcd: line('etcd', etcd(layout)),
    'kube-apiserver': line('kube-apiserver', apiServer(layout)),
    'kube-controller-manager': line('kube-controller-manager', [...controllerManager(layout), ...unlimited, ...manyAtOnce]),
    'kube-scheduler': line('kube-scheduler', [
      `--kubeconfig=${layout.kubeconfigFile}`,
      '--leader-elect=false',
      '--secure-port=0',
      ...unlimited,
    ]),
    // Its working folder is its own: it would read a configuration from the home folder otherwise.
    kwok: line('kwok', kwok(layout), { KWOK_WORKDIR: layout.folder }),
  };
}

function etcd(layout: Layout): string[] {
  const client = `http://127.0.0.1:${layout.etcdPort}`;
  const peer = `http://127.0.0.1:${layout.etcdPeerPort}`;
  return [
    `--data-dir=${join(layout.folder, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

function apiServer(layout: Layout): string[] {
  const file = (name: string) => join(layout.folder, name);
  return [
    `--etcd-servers=http://127.0.0.1:${layout.etcdPort}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${layout.apiServerPort}`,
    `--cert-dir=${file('certificates')}`,
    `--token-auth-file=${file('tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--allow-privileged=true',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-signing-key-file=${file('service-account.key')}`,
    `--service-account-key-file=${file('service-account.pub')}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    // Nothing runs in pods here, so nobody needs the `kubernetes` Service to lead anywhere, and loopback addresses are refused for it.
    '--endpoint-reconciler-type=none',
    // Every node's internal address is 127.0.0.1, where a stand-in for the kubelets serves logs.
    '--kubelet-preferred-address-types=InternalIP',
    '--profiling=false',
  ];
}

function controllerManager(layout: Layout): string[] {
  return [
    `--kubeconfig=${layout.controllersKubeconfigFile}`,
    `--service-account-private-key-file=${join(layout.folder, 'service-account.key')}`,
    `--root-ca-file=${join(layout.folder, 'certificates', 'apiserver.crt')}`,
    '--leader-elect=false',
    '--secure-port=0',
    '--profiling=false',
  ];
}

function kwok(layout: Layout): string[] {
  return [
    `--kubeconfig=${layout.kubeconfigFile}`,
    `--config=${join(layout.folder, 'kwok.yaml')}`,
    '--manage-all-nodes=true',
    // Without leases the nodes turn NotReady after 40 s, and every pod with them.
    '--node-lease-duration-seconds=40',
    '--cidr=10.244.0.1/16',
    '--node-ip=127.0.0.1',
  ];
}
