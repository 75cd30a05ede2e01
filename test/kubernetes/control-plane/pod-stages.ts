import type { Stage } from './stages.ts';

/*
 * What a kubelet would report of a pod, as kwok stages. A pod goes: created -> initialized -> started (Ready, or in the failure that was asked for),
 * and on deletion is gone after a short while. Ready comes 0.7 to 1.5 s after the scheduler has placed it.
 *
 * Failures: an image on a host under `.invalid` cannot be pulled, in any container or init container; the annotation `simulation/behaviour` asks for
 * another one, in the first container (in the first init container that is no sidecar, for init-error and init-hangs; in the first sidecar, for
 * sidecar-hangs). pull-throttled, pull-one-node (the first node alone) and config-late are over after 3 s.
 */

/** jq: names for what the selectors ask of a pod. A started container is one that is not waiting for its first start. */
const JQ = String.raw`
def behaviour: .metadata.annotations["simulation/behaviour"] // "";
def inits: .spec.initContainers // [];
def plain_inits: inits | map(select(.restartPolicy != "Always"));
def unpullable: .image | test("^[^/]+[.]invalid(:[0-9]+)?/");
def condition($type): (.status.conditions // []) | map(select(.type == $type)) | .[0].status // "";
def waits($list; $reasons): ($list // []) | any(.state.waiting.reason | IN($reasons[]));
def created: .status.startTime != null;
def initialized: condition("Initialized") == "True";
def unstarted: waits(.status.containerStatuses; ["ContainerCreating", "PodInitializing"]);
def fails_init: (inits | any(unpullable)) or (behaviour == "init-error" and (plain_inits | length > 0));
def unpullable_main: (.spec.containers | any(unpullable)) or behaviour == "image-pull-error";
def hiccup: if behaviour == "pull-one-node" then .spec.nodeName == "node-1" else behaviour | IN("pull-throttled", "config-late") end;
def breaks: unpullable_main or hiccup or (behaviour | IN("config-error", "crash-loop", "never-ready"));
def hangs_init: (behaviour == "init-hangs" and (plain_inits | length > 0)) or (behaviour == "sidecar-hangs" and (inits | any(.restartPolicy == "Always")));
def hangs: hangs_init or behaviour == "volume-hangs";
def rejected: behaviour == "rejected";
`;

/** Go template: the pod's own status, this moment, and how a container of each kind is written. */
const HEAD = `{{ $now := Now }}{{ $pod := . }}{{ $behaviour := default "" (index (default dict .metadata.annotations) "simulation/behaviour") }}`;
const UNPULLABLE = `(regexMatch "^[^/]+[.]invalid(:[0-9]+)?/" .image)`;

interface Container {
  readonly ready: boolean;
  readonly started: boolean;
  readonly state: string;
  readonly restarts?: string;
  readonly lastState?: string;
}

/** One entry of containerStatuses, in YAML's flow style, where white space carries no meaning. The dot is the container of the pod's spec. */
function container({ ready, started, state, restarts = '0', lastState }: Container): string {
  const last = lastState ? `, lastState: ${lastState}` : '';
  return `{name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "", ready: ${ready}, started: ${started}, restartCount: ${restarts}, state: ${state}${last}}`;
}

const waiting = (reason: string, message = '""') => `{waiting: {reason: ${reason}, message: ${message}}}`;
const RUNNING = container({ ready: true, started: true, state: '{running: {startedAt: {{ $now | Quote }}}}' });
const RUNNING_NOT_READY = container({ ready: false, started: true, state: '{running: {startedAt: {{ $now | Quote }}}}' });
const EXITED_1 = `{terminated: {exitCode: 1, reason: Error, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}`;
const COMPLETED = container({
  ready: true,
  started: false,
  state: `{terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}`,
});
const INITIALIZING = container({ ready: false, started: false, state: waiting('PodInitializing') });
const CREATING = container({ ready: false, started: false, state: waiting('ContainerCreating') });
const INIT_DONE = `{{ if eq (default "" .restartPolicy) "Always" }}${RUNNING}{{ else }}${COMPLETED}{{ end }}`;

/** What containerd says of a host that has no address, and of a repository that does not have the image. */
const PULL_ERROR =
  `(printf "failed to pull and unpack image \\"%s\\": failed to resolve reference \\"%s\\": %s" .image .image ` +
  `(ternary (printf "failed to do request: Head \\"https://%s/v2/\\": dial tcp: lookup %s: no such host" (regexFind "^[^/]+" .image) (regexFind "^[^/:]+" .image)) "not found" ${UNPULLABLE}))`;
const ERR_IMAGE_PULL = container({ ready: false, started: false, state: waiting('ErrImagePull', `{{ ${PULL_ERROR} | Quote }}`) });
const IMAGE_PULL_BACK_OFF = container({
  ready: false,
  started: false,
  state: waiting('ImagePullBackOff', `{{ printf "Back-off pulling image \\"%s\\": ErrImagePull: %s" .image ${PULL_ERROR} | Quote }}`),
});

/** A container that has ended `restarts` times, is not started again at once, and why. `$restarts` is set by the template around it. */
const CRASH_LOOP = container({
  ready: false,
  started: false,
  restarts: '{{ $restarts }}',
  lastState: EXITED_1,
  state: waiting(
    'CrashLoopBackOff',
    `{{ printf "back-off %s restarting failed container=%s pod=%s_%s(%s)" (index (list "10s" "20s" "40s" "1m20s" "2m40s" "5m0s") (int (min 5 (sub $restarts 1)))) .name $pod.metadata.name $pod.metadata.namespace $pod.metadata.uid | Quote }}`,
  ),
});

/** The list of a pod's main containers: `broken` where the Go condition `breaks` holds (`$index` and the dot may be asked), running and ready elsewhere. */
function mains(breaks: string, broken: string): string {
  return `containerStatuses: [{{ range $index, $container := .spec.containers }}{{ if ${breaks} }}${broken}{{ else }}${RUNNING}{{ end }}, {{ end }}]`;
}

/** The list of init containers, which start one after the other: done before the first for which `breaks` holds, `broken` there, waiting behind it. */
function inits(breaks: string, broken: string): string {
  return `initContainerStatuses: [{{ $stopped := false }}{{ range $index, $container := .spec.initContainers }}{{ if $stopped }}${INITIALIZING}{{ else if ${breaks} }}{{ $stopped = true }}${broken}{{ else }}${INIT_DONE}{{ end }}, {{ end }}]`;
}

/** Like the lists before, but leaves every container as it is reported now, except those that wait for `reason`. */
function again(list: 'containers' | 'initContainers', reason: string, broken: string): string {
  const statuses = list === 'containers' ? 'containerStatuses' : 'initContainerStatuses';
  return `${statuses}: [{{ range $index, $container := .spec.${list} }}{{ $was := index $pod.status.${statuses} $index }}{{ if eq (default "" (dig "state" "waiting" "reason" "" $was)) "${reason}" }}{{ $restarts := add1 (atoi (toString $was.restartCount)) }}${broken}{{ else }}{{ toJson $was }}{{ end }}, {{ end }}]`;
}

/** A condition of the pod. False ones say which containers they wait for, as a kubelet does. */
function condition(type: string, status: 'True' | 'False', waitingFor?: { reason: string; message: string }): string {
  const why = waitingFor ? `reason: ${waitingFor.reason}, message: ${waitingFor.message}` : 'reason: null, message: null';
  return `{type: ${type}, status: "${status}", lastProbeTime: null, lastTransitionTime: {{ $now | Quote }}, ${why}}`;
}

const names = (list: string, which: string, word: string) =>
  `{{ $names := list }}{{ range $index, $container := .spec.${list} }}{{ if ${which} }}{{ $names = append $names .name }}{{ end }}{{ end }}{{ printf "containers with ${word} status: [%s]" (join " " $names) | Quote }}`;

/** Ready and ContainersReady, both False because of the main containers for which the Go condition holds. */
function notReady(which: string): string {
  const waitingFor = { reason: 'ContainersNotReady', message: names('containers', which, 'unready') };
  return `${condition('Ready', 'False', waitingFor)}, ${condition('ContainersReady', 'False', waitingFor)}`;
}
const INITIALIZED = condition('Initialized', 'True');
const READY_TO_START = condition('PodReadyToStartContainers', 'True');
const NOT_INITIALIZED = condition('Initialized', 'False', {
  reason: 'ContainersNotInitialized',
  message: names('initContainers', 'true', 'incomplete'),
});

interface PodStage {
  readonly name: string;
  /** A jq condition over the pod; terminating pods are never taken unless `terminating`. */
  readonly when: string;
  readonly terminating?: boolean;
  /** At least and at most so long after the pod came into that state; several where it depends on a jq expression. */
  readonly delayMilliseconds?: readonly [number, number];
  readonly delayFrom?: string;
  /** A Go template of the fields of the pod's status to write. None: the pod is deleted. */
  readonly status?: string;
  readonly event?: { readonly reason: string; readonly message: string };
}

function stage({ name, when, terminating = false, delayMilliseconds, delayFrom, status, event }: PodStage): Stage {
  return {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'Stage',
    metadata: { name },
    spec: {
      resourceRef: { apiGroup: 'v1', kind: 'Pod' },
      selector: {
        matchExpressions: [
          { key: '.metadata.deletionTimestamp', operator: terminating ? 'Exists' : 'DoesNotExist' },
          { key: `${JQ} if ${when} then "yes" else "no" end`, operator: 'In', values: ['yes'] },
        ],
      },
      ...(delayMilliseconds && {
        delay: {
          durationMilliseconds: delayMilliseconds[0],
          jitterDurationMilliseconds: delayMilliseconds[1],
          ...(delayFrom && { durationFrom: { expressionFrom: delayFrom }, jitterDurationMilliseconds: undefined }),
        },
      }),
      next: {
        ...(event && { event: { type: 'Warning', ...event } }),
        ...(status === undefined ? { delete: true } : { statusTemplate: `${HEAD}{ ${status} }` }),
      },
    },
  };
}

/** Crash loops turn quickly up to five restarts, so that a test sees three within seconds, and slowly from then on, so that a forgotten one is no load. */
const restartDelay = (list: string) => `if ([.status.${list}[].restartCount] | max) < 5 then "1500ms" else "30s" end`;

const BROKEN_MAIN_PULL = `or ${UNPULLABLE} (and (eq $behaviour "image-pull-error") (eq $index 0))`;
const FIRST_INIT = `ne (default "" .restartPolicy) "Always"`;
const HANGING_INIT = `ternary (${FIRST_INIT}) (not (${FIRST_INIT})) (eq $behaviour "init-hangs")`;

/** What a registry says that limits its clients, a node that does not reach it, and the kubelet of a Secret that is not there yet. */
const HICCUP =
  '{waiting: {{ if eq $behaviour "config-late" }}{reason: CreateContainerConfigError, message: "secret \\"late\\" not found"}' +
  '{{ else }}{reason: ErrImagePull, message: {{ printf "failed to pull and unpack image \\"%s\\": %s" .image ' +
  '(ternary "unexpected status from GET request to https://registry.example/v2/: 429 Too Many Requests" ' +
  '"failed to do request: dial tcp 10.0.0.9:443: i/o timeout" (eq $behaviour "pull-throttled")) | Quote }}}{{ end }}}';

export const POD_STAGES: readonly Stage[] = [
  stage({ name: 'pod-gone', when: 'true', terminating: true, delayMilliseconds: [300, 1_000] }),
  stage({
    name: 'pod-rejected',
    when: '(created | not) and rejected',
    delayMilliseconds: [200, 400],
    status:
      'phase: Failed, startTime: {{ $now | Quote }}, reason: UnexpectedAdmissionError, ' +
      'message: "Pod was rejected: Allocate failed due to no healthy devices present"',
  }),
  stage({
    name: 'pod-created',
    when: '(created | not) and (rejected | not)',
    status:
      `phase: Pending, startTime: {{ $now | Quote }}, hostIP: {{ NodeIPWith .spec.nodeName | Quote }}, ` +
      `{{ $ip := PodIPWith .spec.nodeName (default false .spec.hostNetwork) .metadata.uid .metadata.name .metadata.namespace }}podIP: {{ $ip | Quote }}, podIPs: [{ip: {{ $ip | Quote }}}], ` +
      `conditions: [${READY_TO_START}, ${notReady('true')}, {{ if .spec.initContainers }}${NOT_INITIALIZED}{{ else }}${INITIALIZED}{{ end }}, {{ range .spec.readinessGates }}{type: {{ .conditionType | Quote }}, status: "True", lastTransitionTime: {{ $now | Quote }}}, {{ end }}], ` +
      `{{ if .spec.initContainers }}initContainerStatuses: [{{ range .spec.initContainers }}${INITIALIZING}, {{ end }}], {{ end }}` +
      `containerStatuses: [{{ range .spec.containers }}{{ if $pod.spec.initContainers }}${INITIALIZING}{{ else }}${CREATING}{{ end }}, {{ end }}]`,
  }),
  stage({
    name: 'pod-initialized',
    when: 'created and (initialized | not) and (fails_init or hangs or rejected | not)',
    delayMilliseconds: [200, 400],
    status: `conditions: [${INITIALIZED}], ${inits('false', COMPLETED)}`,
  }),
  // Two stages, so that pods with and without init containers take the same time in all. They also take back what a removed annotation had broken.
  ...[false, true].map((withInits) =>
    stage({
      name: withInits ? 'pod-ready-after-init' : 'pod-ready',
      when: `initialized and condition("Ready") != "True" and (breaks | not) and (inits | length ${withInits ? '>' : '=='} 0)`,
      delayMilliseconds: withInits ? [500, 1_100] : [700, 1_500],
      status: `phase: Running, conditions: [${condition('Ready', 'True')}, ${condition('ContainersReady', 'True')}], ${mains('false', RUNNING)}`,
    }),
  ),
  stage({
    name: 'init-hangs',
    when: 'created and hangs_init and (.status.initContainerStatuses // [] | any(.state.running) | not)',
    delayMilliseconds: [200, 400],
    status: inits(HANGING_INIT, container({ ready: false, started: false, state: '{running: {startedAt: {{ $now | Quote }}}}' })),
  }),
  stage({
    name: 'volume-hangs',
    when: 'behaviour == "volume-hangs" and condition("PodReadyToStartContainers") == "True"',
    delayMilliseconds: [200, 400],
    event: {
      reason: 'FailedAttachVolume',
      message: 'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node and can\'t be attached to another',
    },
    status: `conditions: [${condition('PodReadyToStartContainers', 'False')}]`,
  }),
  stage({
    name: 'hiccup',
    when: 'initialized and unstarted and hiccup',
    delayMilliseconds: [200, 500],
    status: `conditions: [${notReady('eq $index 0')}], ${mains('eq $index 0', container({ ready: false, started: false, state: HICCUP }))}`,
  }),
  stage({
    name: 'hiccup-over',
    when: 'hiccup and waits(.status.containerStatuses; ["ErrImagePull", "CreateContainerConfigError"])',
    delayMilliseconds: [3_000, 3_500],
    status: `phase: Running, conditions: [${condition('Ready', 'True')}, ${condition('ContainersReady', 'True')}], ${mains('false', RUNNING)}`,
  }),
  stage({
    name: 'init-image-pull-failed',
    when: 'created and (initialized | not) and (inits | any(unpullable)) and (waits(.status.initContainerStatuses; ["ErrImagePull", "ImagePullBackOff"]) | not)',
    delayMilliseconds: [200, 500],
    event: { reason: 'Failed', message: 'Error: ErrImagePull' },
    status: `conditions: [${notReady('true')}], ${inits(UNPULLABLE, ERR_IMAGE_PULL)}`,
  }),
  stage({
    name: 'init-image-pull-backing-off',
    when: 'waits(.status.initContainerStatuses; ["ErrImagePull"])',
    delayMilliseconds: [300, 700],
    event: { reason: 'BackOff', message: 'Back-off pulling image' },
    status: inits(UNPULLABLE, IMAGE_PULL_BACK_OFF),
  }),
  stage({
    name: 'init-failed',
    when: 'created and (initialized | not) and fails_init and (inits | any(unpullable) | not) and (.status.initContainerStatuses | any(.state.terminated.exitCode == 1 or .state.waiting.reason == "CrashLoopBackOff") | not)',
    delayMilliseconds: [200, 500],
    event: { reason: 'Failed', message: 'Error: init container exited with code 1' },
    // Nothing starts it again under restartPolicy Never, and then the pod has failed for good.
    status: `phase: {{ if eq .spec.restartPolicy "Never" }}Failed{{ else }}Pending{{ end }}, ${inits(FIRST_INIT, container({ ready: false, started: false, state: EXITED_1 }))}`,
  }),
  stage({
    name: 'init-crash-loop-begins',
    when: '(initialized | not) and .spec.restartPolicy != "Never" and (.status.initContainerStatuses // [] | any(.state.terminated.exitCode == 1))',
    delayMilliseconds: [700, 1_200],
    event: { reason: 'BackOff', message: 'Back-off restarting failed init container' },
    status: `{{ $restarts := 1 }}${inits(FIRST_INIT, CRASH_LOOP)}`,
  }),
  stage({
    name: 'init-crash-loop-goes-on',
    when: 'waits(.status.initContainerStatuses; ["CrashLoopBackOff"])',
    delayMilliseconds: [1_500, 1_500],
    delayFrom: restartDelay('initContainerStatuses'),
    status: again('initContainers', 'CrashLoopBackOff', CRASH_LOOP),
  }),
  stage({
    name: 'image-pull-failed',
    when: 'initialized and unstarted and unpullable_main',
    delayMilliseconds: [200, 500],
    event: { reason: 'Failed', message: 'Error: ErrImagePull' },
    status: `conditions: [${notReady(BROKEN_MAIN_PULL)}], ${mains(BROKEN_MAIN_PULL, ERR_IMAGE_PULL)}`,
  }),
  stage({
    name: 'image-pull-backing-off',
    when: 'waits(.status.containerStatuses; ["ErrImagePull"]) and (hiccup | not)',
    delayMilliseconds: [300, 700],
    event: { reason: 'BackOff', message: 'Back-off pulling image' },
    status: again('containers', 'ErrImagePull', IMAGE_PULL_BACK_OFF),
  }),
  stage({
    name: 'config-error',
    when: 'initialized and unstarted and (unpullable_main | not) and behaviour == "config-error"',
    delayMilliseconds: [200, 500],
    event: { reason: 'Failed', message: 'Error: configmap not found' },
    status: `conditions: [${notReady('eq $index 0')}], ${mains(
      'eq $index 0',
      container({
        ready: false,
        started: false,
        state: waiting('CreateContainerConfigError', '{{ printf "configmap \\"%s-config\\" not found" .name | Quote }}'),
      }),
    )}`,
  }),
  // A pod that is Ready and then gets the annotation breaks too: that is how a test makes one fail after its rollout.
  stage({
    name: 'crash-loop-begins',
    when: 'initialized and (unstarted or condition("Ready") == "True") and (unpullable_main | not) and behaviour == "crash-loop"',
    delayMilliseconds: [500, 900],
    event: { reason: 'BackOff', message: 'Back-off restarting failed container' },
    status: `phase: Running, conditions: [${notReady('eq $index 0')}], {{ $restarts := 1 }}${mains('eq $index 0', CRASH_LOOP)}`,
  }),
  stage({
    name: 'crash-loop-goes-on',
    when: 'waits(.status.containerStatuses; ["CrashLoopBackOff"]) and behaviour == "crash-loop"',
    delayMilliseconds: [1_500, 1_500],
    delayFrom: restartDelay('containerStatuses'),
    status: again('containers', 'CrashLoopBackOff', CRASH_LOOP),
  }),
  stage({
    name: 'never-ready',
    when: 'initialized and (unstarted or condition("Ready") == "True") and (unpullable_main | not) and behaviour == "never-ready"',
    delayMilliseconds: [500, 900],
    event: { reason: 'Unhealthy', message: 'Readiness probe failed: HTTP probe failed with statuscode: 503' },
    status: `phase: Running, conditions: [${notReady('eq $index 0')}], ${mains('eq $index 0', RUNNING_NOT_READY)}`,
  }),
];
