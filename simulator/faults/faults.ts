/** The current faults of one cluster. All are off by default. */
import { isFields } from '../objects.ts';
import type { KubernetesObject } from '../objects.ts';

/** A verb that the cluster's user may not use. `*` or an omitted field means any. */
export interface DeniedVerb {
  verb: string;
  /** Plural, with `/` before a subresource: `deployments`, `deployments/scale`, `pods/log`. */
  resource?: string;
  namespace?: string;
}

/** The faults of one cluster, as posted and shown. */
export interface FaultSettings {
  /** Images that match one of these regular expressions cannot be pulled. */
  unpullableImages?: string[];
  /** Pulls of images that match fail with this message, on every node or on one. */
  pullErrors?: { image: string; node?: string; message: string }[];
  /** Pods whose container's image matches behave as if they had the annotation `simulation/behaviour`. */
  behaviours?: { image: string; behaviour: string }[];
  /** Delay of every answer, plus or minus the jitter. */
  latencyMilliseconds?: number;
  jitterMilliseconds?: number;
  /** Share (0..1) of requests whose connection is reset before they are executed, and of those reset afterwards. */
  resetProbability?: number;
  lostReplyProbability?: number;
  /** Share of requests that are answered 429, and the seconds of their Retry-After. */
  throttleProbability?: number;
  retryAfterSeconds?: number;
  /** Share of requests that are answered with a server error, and its code. */
  errorProbability?: number;
  errorCode?: number;
  /** `hang`: no request is ever answered and streams freeze; `refuse`: connections are reset at once. */
  partition?: 'hang' | 'refuse';
  deniedVerbs?: DeniedVerb[];
  /** The cluster's token counts as expired: 401. */
  tokenExpired?: boolean;
  /** Objects that an admission webhook refuses: by kind and by a regular expression over their JSON. */
  admissionDenials?: { kind?: string; pattern: string; message?: string }[];
  /** Least and most milliseconds from what the ReplicaSet controller does until its status says so. */
  statusDelayMilliseconds?: [number, number];
  /** Objects whose admission webhook does not answer: by kind and by a regular expression over their JSON. */
  admissionOutages?: { kind?: string; pattern: string }[];
  /** Only requests of these methods are delayed, reset, throttled or failed. */
  methods?: string[];
}

const settingNames: readonly (keyof FaultSettings)[] = [
  ...(['unpullableImages', 'pullErrors', 'behaviours', 'latencyMilliseconds', 'jitterMilliseconds'] as const),
  ...(['resetProbability', 'lostReplyProbability'] as const),
  ...(['throttleProbability', 'retryAfterSeconds', 'errorProbability', 'errorCode', 'partition', 'deniedVerbs', 'tokenExpired'] as const),
  ...(['admissionDenials', 'admissionOutages', 'statusDelayMilliseconds', 'methods'] as const),
];

/** The regular expressions in a setting, to be validated before they are stored. */
function patternsOf(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value
    .flatMap((item: unknown) => (isFields(item) ? [item['image'], item['pattern']] : [item]))
    .filter((one) => typeof one === 'string');
}

export class Faults {
  settings: FaultSettings = {};

  /** Merges settings into the current ones; null removes one. Throws for an unknown name or an invalid pattern. */
  set(settings: { [name: string]: unknown }): void {
    const merged: { [name: string]: unknown } = { ...this.settings };
    for (const [name, value] of Object.entries(settings)) {
      if (!settingNames.includes(name as keyof FaultSettings))
        throw new Error(`no fault is called ${name}; there are: ${settingNames.join(', ')}`);
      for (const pattern of patternsOf(value)) new RegExp(pattern);
      if (value === null) delete merged[name];
      else merged[name] = value;
    }
    this.settings = merged;
  }

  get partitioned(): boolean {
    return this.settings.partition !== undefined;
  }

  isUnpullable(image: string): boolean {
    return (this.settings.unpullableImages ?? []).some((pattern) => new RegExp(pattern).test(image));
  }

  /** What a registry answers to this node, if it does not serve the image. */
  pullErrorOf(image: string, node: string): string | undefined {
    const matches = (one: NonNullable<FaultSettings['pullErrors']>[number]): boolean =>
      (one.node === undefined || one.node === node) && new RegExp(one.image).test(image);
    return this.settings.pullErrors?.find(matches)?.message;
  }

  behaviourOf(image: string): string | undefined {
    return this.settings.behaviours?.find((one) => new RegExp(one.image).test(image))?.behaviour;
  }

  /** Whether no fault denies this verb on a resource (a subresource as in `pods/log`). */
  allows(verb: string, resource: string, namespace: string | undefined): boolean {
    const matches = (pattern: string | undefined, value: string | undefined): boolean =>
      pattern === undefined || pattern === '*' || pattern === value;
    const denied = this.settings.deniedVerbs ?? [];
    return !denied.some((one) => matches(one.verb, verb) && matches(one.resource, resource) && matches(one.namespace, namespace));
  }

  /** Why an admission webhook refuses an object, or undefined. */
  denialOf(object: KubernetesObject): string | undefined {
    const found = matchOf(object, this.settings.admissionDenials);
    return (
      found && `admission webhook "policy.simulator.invalid" denied the request: ${found.message ?? 'the object is not allowed by policy'}`
    );
  }

  /** Why an admission webhook that is asked about an object does not answer, or undefined. */
  outageOf(object: KubernetesObject): string | undefined {
    const found = matchOf(object, this.settings.admissionOutages);
    const post = 'Post "https://policy.simulator.invalid:443/": dial tcp 10.96.0.9:443: connect: connection refused';
    return found && `failed calling webhook "policy.simulator.invalid": failed to call webhook: ${post}`;
  }
}

/** The first fault that is meant for the object. */
function matchOf<T extends { kind?: string; pattern: string }>(object: KubernetesObject, faults: readonly T[] = []): T | undefined {
  if (faults.length === 0) return undefined;
  const text = JSON.stringify({ metadata: object.metadata, spec: object['spec'] });
  return faults.find(({ kind, pattern }) => (kind === undefined || kind === object.kind) && new RegExp(pattern).test(text));
}
