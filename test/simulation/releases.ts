/** What can be rolled out: documents with few variants, rendered as the product does it. */
import { canonicalJson } from '../../src/platform/canonical-json.ts';
import type { TemplateDocument } from '../../src/templates/core/document.ts';
import { checkDocument } from '../../src/templates/core/validate.ts';
import { render } from '../../src/workloads/core/render.ts';
import type { Rendering } from '../../src/workloads/core/render.ts';
import type { Strategy } from '../../src/workloads/core/strategy.ts';

/** A strategy as a document has it. */
export type StrategyDocument = Partial<Pick<Strategy, 'type' | 'maxSurge' | 'maxUnavailable' | 'batches' | 'progressDeadlineSeconds'>> & {
  steps?: readonly object[];
};

export interface ReleaseDocument {
  image: string;
  replicas: number;
  minReadySeconds: number;
  strategy: StrategyDocument;
  /** With a Service and a ConfigMap that changes with the image. */
  furnished: boolean;
}

/** Never becomes Ready, cannot be pulled, crashes: what the simulator's kubelets make of an image. */
export const BAD_IMAGES = [
  'registry.invalid/shop/web:9.0',
  'registry.example/shop/never-ready:9.0',
  'registry.example/shop/crashes:9.0',
] as const;

const renderings = new Map<string, Rendering>();

export const WORKLOAD = { id: '00000000-0000-7000-8000-00000000aaaa', name: 'web' };
export const NAMESPACE = 'shop';

export function rendered(document: ReleaseDocument): Rendering {
  const key = JSON.stringify(document);
  const known = renderings.get(key);
  if (known) return known;
  const { image, replicas, minReadySeconds, strategy, furnished } = document;
  const whole = {
    pod: { spec: { containers: [{ name: 'web', image, ports: [{ name: 'http', containerPort: 8080 }] }] } },
    replicas,
    minReadySeconds,
    strategy,
    ...(furnished
      ? {
          service: { ports: [{ port: 80, targetPort: 'http' }] },
          config: [{ name: 'settings', files: { 'image.txt': image }, container: 'web', path: '/etc/web' }],
        }
      : {}),
  };
  const checked = checkDocument(whole, 'BASELINE');
  if ('faults' in checked) throw new Error(`the document is not valid: ${JSON.stringify(checked.faults)}`);
  const made = render({
    workload: WORKLOAD,
    namespace: NAMESPACE,
    release: null,
    podSecurity: 'BASELINE',
    document: checked.document as TemplateDocument,
    values: {},
  });
  if ('faults' in made) throw new Error(`the document cannot be rendered: ${JSON.stringify(made.faults)}`);
  renderings.set(key, made.rendering);
  return made.rendering;
}

/** As it is stored. */
export const bytesOf = ({ objects }: Rendering): string => canonicalJson(objects);
