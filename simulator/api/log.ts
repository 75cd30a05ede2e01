/** A container's log: a few lines derived from its state. */
import { timestamp } from '../clock.ts';
import type { Cluster } from '../cluster.ts';
import type { ContainerStatus, Fields, Pod } from '../objects.ts';
import { badRequest, notFound } from '../status.ts';
import { resources } from '../resources.ts';
import { behaviourAnnotation } from '../controllers/kubelet/fates.ts';

const stack = [
  'Error: connect ECONNREFUSED 10.96.0.12:5432',
  '    at connect (/app/node_modules/database/client.js:114:15)',
  '    at start (/app/server.js:37:9)',
  'fatal: the database cannot be reached, giving up',
];

export function podLog(cluster: Cluster, pod: Pod, query: URLSearchParams): string {
  const wanted = query.get('container');
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const name = wanted ?? pod.spec.containers[0]?.name ?? '';
  if (wanted === null && pod.spec.containers.length > 1) {
    const init = (pod.spec.initContainers ?? []).map((one) => one.name);
    const also = init.length > 0 ? ` or one of the init containers: [${init.join(' ')}]` : '';
    throw badRequest(
      `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${pod.spec.containers.map((one) => one.name).join(' ')}]${also}`,
    );
  }
  if (!containers.some((one) => one.name === name)) throw badRequest(`container ${name} is not valid for pod ${pod.metadata.name}`);
  if (!pod.spec.nodeName) throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  if (!cluster.store.get(resources.nodes, '', pod.spec.nodeName)) throw notFound(resources.nodes, pod.spec.nodeName);
  const status = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])].find((one) => one.name === name);
  const previous = query.get('previous') === 'true';
  return trim(linesOf(cluster, pod, name, status, previous), query);
}

function linesOf(cluster: Cluster, pod: Pod, name: string, status: ContainerStatus | undefined, previous: boolean): string[] {
  const ended = status?.lastState?.['terminated'] as Fields | undefined;
  if (previous && !ended) throw badRequest(`previous terminated container "${name}" in pod "${pod.metadata.name}" not found`);
  const waiting = status?.state['waiting'] as Fields | undefined;
  if (!status || (waiting && !ended)) {
    const reason = typeof waiting?.['reason'] === 'string' ? waiting['reason'] : 'ContainerCreating';
    const why =
      reason === 'ErrImagePull' ? "image can't be pulled" : reason === 'ImagePullBackOff' ? 'trying and failing to pull image' : reason;
    throw badRequest(`container "${name}" in pod "${pod.metadata.name}" is waiting to start: ${why}`);
  }
  const since = ((status.state['running'] ?? status.state['terminated'] ?? ended) as Fields | undefined)?.['startedAt'];
  const at = typeof since === 'string' ? since : timestamp(cluster.clock.now());
  const start = [`${at} ${name}: starting ${status.image}`, `${at} ${name}: pod ${pod.metadata.name}, restart ${status.restartCount}`];
  const exited = previous || ((status.state['terminated'] ?? ended) as Fields | undefined)?.['exitCode'] === 1;
  if (exited) return [...start, ...stack];
  if (status.state['terminated']) return [...start, `${at} ${name}: done`];
  const behaviour = pod.metadata.annotations?.[behaviourAnnotation] ?? cluster.faults.behaviourOf(status.image);
  if (!status.ready) return [...start, `${at} ${name}: ${behaviour === 'never-ready' ? 'waiting for the cache to warm up' : 'loading'}`];
  return [...start, `${at} ${name}: listening`, `${at} ${name}: ready`];
}

function trim(lines: string[], query: URLSearchParams): string {
  const tail = query.get('tailLines');
  const kept = tail === null ? lines : Number(tail) === 0 ? [] : lines.slice(-Number(tail));
  const text = kept.length === 0 ? '' : `${kept.join('\n')}\n`;
  const limit = query.get('limitBytes');
  return limit === null ? text : text.slice(0, Number(limit));
}
