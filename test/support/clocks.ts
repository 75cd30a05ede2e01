import type { Ground } from './foreign-edits.ts';

interface Pod {
  metadata: { name: string };
  spec: { containers: { image: string }[] };
  status: { conditions?: { type: string; status: string; lastTransitionTime: string }[] };
}

/** Since when the pods of a workload with this image are Ready, as the kubelet of a node reports it by the node's clock. */
export async function setReadySince(
  { recorder, namespace }: Omit<Ground, 'cluster'>,
  workload: string,
  image: string,
  at: Date,
): Promise<void> {
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const list = await recorder.read<{ items: Pod[] }>(`${pods}?labelSelector=${encodeURIComponent(`slipway.dev/workload=${workload}`)}`);
  const lastTransitionTime = `${at.toISOString().slice(0, 19)}Z`;
  for (const { metadata, spec, status } of list?.items ?? []) {
    if (spec.containers[0]?.image !== image) continue;
    const conditions = status.conditions?.map((one) => (one.type === 'Ready' ? { ...one, lastTransitionTime } : one));
    await recorder.patch(`${pods}/${metadata.name}/status`, { status: { conditions } }, 'kubelet');
  }
}
