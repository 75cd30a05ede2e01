import { describe, expect, it } from 'vitest';
import type { KubernetesObject, PatchOperation } from '../../../src/clusters/kubernetes/types.ts';
import { bringingObject, contentOf } from '../../../src/rollouts/engine/object-patch.ts';
import type { KubernetesObject as Wanted } from '../../../src/workloads/core/objects.ts';
import { configMap, failure, fenced, makeWorld, preconditionOf, refs, service } from './world.ts';
import type { Cluster } from './world.ts';

type Spec = Record<string, unknown>;
type Port = Record<string, unknown>;

const HTTP: Port = { name: 'http', port: 80, targetPort: 'http' };
const METRICS: Port = { name: 'metrics', port: 9090 };

/** Two Services, each of which is to arrive over the other as on a fresh cluster. */
const transitions: [string, Spec, Spec][] = [
  ['a port', { ports: [HTTP] }, { ports: [HTTP, METRICS] }],
  ['other ports', { ports: [HTTP] }, { ports: [METRICS] }],
  ['the order of ports', { ports: [HTTP, METRICS] }, { ports: [METRICS, HTTP] }],
  ['the name of a port', { ports: [HTTP] }, { ports: [{ ...HTTP, name: 'web' }] }],
  ['a port without a name', { ports: [HTTP] }, { ports: [{ port: 80, targetPort: 'http' }] }],
  ['the number of a port', { ports: [HTTP] }, { ports: [{ ...HTTP, port: 8080 }] }],
  ['a target port', { ports: [HTTP] }, { ports: [{ ...HTTP, targetPort: 8080 }] }],
  ['a target port that is left out', { ports: [HTTP] }, { ports: [{ name: 'http', port: 80 }] }],
  ['the protocol of a port', { ports: [HTTP] }, { ports: [{ ...HTTP, protocol: 'UDP' }] }],
  ['a protocol beside the same number', { ports: [HTTP] }, { ports: [HTTP, { ...HTTP, name: 'quic', protocol: 'UDP' }] }],
  ['the protocol of the application', { ports: [HTTP] }, { ports: [{ ...HTTP, appProtocol: 'kubernetes.io/h2c' }] }],
  ['a port of the nodes', { ports: [HTTP] }, { type: 'NodePort', ports: [HTTP] }],
  ['a balancer', { ports: [HTTP] }, { type: 'LoadBalancer', ports: [HTTP] }],
  ['a balancer and a port of the nodes', { type: 'NodePort', ports: [HTTP] }, { type: 'LoadBalancer', ports: [HTTP] }],
  [
    'a balancer with and without ports of the nodes',
    { type: 'LoadBalancer', ports: [HTTP] },
    { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [HTTP] },
  ],
  [
    'what a balancer lets in',
    { type: 'LoadBalancer', ports: [HTTP] },
    { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8'], ports: [HTTP] },
  ],
  [
    'where traffic from outside goes',
    { type: 'LoadBalancer', ports: [HTTP] },
    { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [HTTP] },
  ],
  ['local traffic and no balancer', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [HTTP] }, { ports: [HTTP] }],
  ['where traffic from inside goes', { ports: [HTTP] }, { internalTrafficPolicy: 'Local', ports: [HTTP] }],
  ['how traffic is spread', { ports: [HTTP] }, { trafficDistribution: 'PreferClose', ports: [HTTP] }],
  ['affinity', { ports: [HTTP] }, { sessionAffinity: 'ClientIP', ports: [HTTP] }],
  [
    'for how long there is affinity',
    { sessionAffinity: 'ClientIP', ports: [HTTP] },
    { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } }, ports: [HTTP] },
  ],
  ['pods that are not Ready', { ports: [HTTP] }, { publishNotReadyAddresses: true, ports: [HTTP] }],
  ['addresses from outside', { ports: [HTTP] }, { externalIPs: ['192.0.2.7'], ports: [HTTP] }],
  ['a headless one and its ports', { clusterIP: 'None', ports: [HTTP] }, { clusterIP: 'None', ports: [METRICS] }],
  ['a name elsewhere', { ports: [HTTP] }, { type: 'ExternalName', externalName: 'example.com' }],
  ['a name elsewhere, with ports', { ports: [HTTP] }, { type: 'ExternalName', externalName: 'example.com', ports: [HTTP] }],
  ['a headless one and a name elsewhere', { clusterIP: 'None', ports: [HTTP] }, { type: 'ExternalName', externalName: 'example.com' }],
];

const wanted = (namespace: string, spec: Spec): Wanted => ({ ...service(namespace), spec }) as Wanted;

/** What the cluster has given out, and will to the next one: addresses, and ports of the nodes. */
function withoutAddresses(object: KubernetesObject): unknown {
  const { clusterIP, clusterIPs: _all, healthCheckNodePort: _checked, ports, ...spec } = object['spec'] as Spec & { ports?: Port[] };
  const bare = ports?.map(({ nodePort, ...port }) => ({ ...port, hasNodePort: nodePort !== undefined }));
  const address = clusterIP === undefined || clusterIP === 'None' ? clusterIP : 'an address';
  return { ...spec, clusterIP: address, ports: bare };
}

export function aroundWriteContract(cluster: Cluster): void {
  describe('the write of an object around the Deployment', () => {
    const world = makeWorld(cluster);
    const ref = (namespace: string) => ({ ...refs.services(namespace), name: 'web' });
    const patch = (namespace: string, operations: (live: KubernetesObject) => PatchOperation[]): Promise<KubernetesObject> =>
      fenced(
        () => world().kubernetes.read(ref(namespace)),
        (live) => world().kubernetes.patch(ref(namespace), operations(live), preconditionOf(live)),
      );
    const bring = (to: Wanted): Promise<KubernetesObject> => patch(to.metadata.namespace, (live) => bringingObject(live, to));

    it.each(transitions.flatMap(([name, one, other]) => [[name, one, other] as const, [`${name}, the other way`, other, one] as const]))(
      'leaves what creating it anew would give: %s',
      async (_name, from, to) => {
        const [namespace, fresh] = [await world().namespace(), await world().namespace()];
        await world().kubernetes.apply(wanted(namespace, from));
        const changed = await bring(wanted(namespace, to));
        const anew = await world().kubernetes.apply(wanted(fresh, to));
        expect(withoutAddresses(changed)).toEqual(withoutAddresses(anew));
        const again = await bring(wanted(namespace, to));
        expect(again.metadata.resourceVersion).toBe(changed.metadata.resourceVersion);
      },
    );

    it('keeps the address and the ports of the nodes', async () => {
      const namespace = await world().namespace();
      const before = await world().kubernetes.apply(wanted(namespace, { type: 'NodePort', ports: [HTTP] }));
      const after = await bring(wanted(namespace, { type: 'NodePort', ports: [{ ...HTTP, targetPort: 8080 }] }));
      const [was, is] = [before, after].map((object) => object['spec'] as { clusterIP: string; ports: { nodePort: number }[] });
      expect([is?.clusterIP, is?.ports[0]?.nodePort]).toEqual([was?.clusterIP, was?.ports[0]?.nodePort]);
    });

    it('takes away what others have added to the content, and leaves their labels and annotations', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(wanted(namespace, { ports: [HTTP] }));
      const theirs = {
        metadata: { labels: { owner: 'them' }, annotations: { 'owner.example/note': 'x' } },
        spec: { publishNotReadyAddresses: true, externalIPs: ['192.0.2.7'] },
      };
      await world().admin.request('PATCH', `/api/v1/namespaces/${namespace}/services/web?fieldManager=them`, theirs);
      const changed = await bring(wanted(namespace, { ports: [HTTP] }));
      expect(changed['spec']).not.toHaveProperty('publishNotReadyAddresses');
      expect(changed['spec']).not.toHaveProperty('externalIPs');
      expect(changed.metadata.labels).toEqual({ ...service(namespace).metadata.labels, owner: 'them' });
      expect(changed.metadata.annotations).toEqual({ 'owner.example/note': 'x' });
    });

    it('takes away labels and annotations that are no longer ours', async () => {
      const namespace = await world().namespace();
      const plain = wanted(namespace, { ports: [HTTP] });
      const { labels } = plain.metadata;
      const more = { ...plain.metadata, labels: { ...labels, tier: 'a' }, annotations: { 'shop.example/note': 'x' } };
      await world().kubernetes.apply({ ...plain, metadata: more });
      const changed = await bring(plain);
      expect(changed.metadata.labels).toEqual(labels);
      expect(changed.metadata.annotations ?? {}).toEqual({});
    });

    it.each<[string, Spec, Spec]>([['an address for one that is headless', { clusterIP: 'None', ports: [HTTP] }, { ports: [HTTP] }]])(
      'is ignored by the cluster where it takes away %s',
      async (_name, from, to) => {
        const namespace = await world().namespace();
        await world().kubernetes.apply(wanted(namespace, from));
        expect((await bring(wanted(namespace, to)))['spec']).toMatchObject({ clusterIP: 'None' });
      },
    );

    it.each<[string, Spec, Spec]>([
      ['one that is headless', { ports: [HTTP] }, { clusterIP: 'None', ports: [HTTP] }],
      [
        'one with another class of balancer',
        { type: 'LoadBalancer', ports: [HTTP] },
        { type: 'LoadBalancer', loadBalancerClass: 'a.example/b', ports: [HTTP] },
      ],
    ])('is refused where it makes it %s', async (_name, from, to) => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(wanted(namespace, from));
      expect((await failure(bring(wanted(namespace, to)))).kind).toBe('INVALID');
    });

    it('leaves a ConfigMap as it was applied: it has no defaults', async () => {
      const namespace = await world().namespace();
      const settings = { ...configMap(namespace, 'app', { a: '1' }), immutable: true };
      expect(contentOf(await world().kubernetes.apply(settings))).toEqual(contentOf(settings));
    });
  });
}
