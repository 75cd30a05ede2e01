/** Keeps the `used` side of resource quotas. */
import type { Cluster } from '../cluster.ts';
import { amount, hardOf, quotaUsage } from '../admission/admission.ts';
import { equal } from '../objects.ts';
import { resources } from '../resources.ts';
import { writeStatus } from './writes.ts';

export function syncQuota(cluster: Cluster, namespace: string): void {
  for (const quota of [...cluster.store.each(resources.resourceQuotas, namespace)]) {
    const hard = hardOf(quota);
    const usage = quotaUsage(cluster, namespace, Object.keys(hard));
    const used = Object.fromEntries(Object.keys(hard).map((name) => [name, amount(name, usage[name])]));
    if (!equal(quota['status'], { hard, used })) writeStatus(cluster, resources.resourceQuotas, quota, { hard, used });
  }
}
