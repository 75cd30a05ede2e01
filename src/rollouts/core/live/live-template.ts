/** Pod templates as a cluster has them: which are the same, and one digest for all that are. */
import { digestOf } from '../../../platform/canonical-json.ts';
import { isRecord } from '../../../platform/json.ts';
import { part } from '../raw.ts';
import type { Raw } from '../raw.ts';

/** The Deployment controller adds it to each ReplicaSet's template, and leaves it aside when it compares. */
const HASH_LABEL = 'pod-template-hash';
/** `kubectl rollout restart` changes nothing but this. It makes a ReplicaSet of its own, and is no edit of what runs in it. */
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';

/** A template as the Deployment controller compares it (`EqualIgnoreHash`). */
export function withoutHash(template: Raw): Raw {
  return without(template, 'labels', HASH_LABEL);
}

const digests = new WeakMap<object, string>();

/**
 * Digest of a pod template with its defaults, of a Deployment or a ReplicaSet; a restart by kubectl is left aside. Long texts are expected as the watch keeps
 * them (`clusters/kubernetes/cut.ts`). Objects of a watch stay the same until they change, so that each is digested once.
 */
export function liveDigest(template: Raw): string {
  const known = digests.get(template);
  if (known !== undefined) return known;
  const digest = digestOf(without(withoutHash(template), 'annotations', RESTARTED_AT));
  digests.set(template, digest);
  return digest;
}

/** Without one label or annotation; the map goes with the last of them. */
function without(template: Raw, map: 'labels' | 'annotations', key: string): Raw {
  const metadata = part(template, 'metadata');
  const { [map]: entries, ...rest } = metadata;
  if (!isRecord(entries)) return template;
  const { [key]: _gone, ...kept } = entries;
  return { ...template, metadata: Object.keys(kept).length === 0 ? rest : { ...rest, [map]: kept } };
}
