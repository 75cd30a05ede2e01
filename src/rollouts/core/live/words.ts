/**
 * What a cluster means by its messages, where one word of Kubernetes has several causes: the kinds of `cause-words.ts`. The texts are those of containerd and CRI-O
 * (pulls), the kubelet, and the API server (creation). What is not recognized has no kind. A text that fits several is the one that waiting may help.
 */

type Patterns = readonly (readonly [kind: string, pattern: RegExp])[];

const pulls: Patterns = [
  [
    'UNAVAILABLE',
    /too ?many ?requests|rate limit|QPS exceeded|\b429\b|status(?: code)?:? 5\d\d|\b5\d\d (?:Internal|Bad|Service|Gateway)|service unavailable|bad gateway|gateway time-?out|internal server error|time-?out|timed out|deadline exceeded|connection refused|connection reset|no such host|server misbehaving|temporary failure|no route to host|network is unreachable|broken pipe|x509|tls: |\bEOF\b|\blookup\b/i,
  ],
  ['DENIED', /unauthorized|denied|forbidden|\b40[13]\b|authentication required|no basic auth|insufficient_scope|authorization failed/i],
  [
    'NOT_FOUND',
    /not ?found|(?:manifest|name|blob) unknown|no such (?:image|manifest)|no match(?:ing manifest)? for|does not exist|\b404\b/i,
  ],
];

/** Which kind of pull error a message is. The names of images and hosts in it do not count: an image may be called `timeout`. */
export function pullKind(message: string): string | undefined {
  const words = message.replace(/"[^"]*"/g, ' ').split(' ');
  return kindOf(pulls, words.filter((word) => !word.includes('/')).join(' '));
}

const creations: Patterns = [
  ['QUOTA', /exceeded quota/],
  ['WEBHOOK', /failed (?:calling|to call) webhook/],
  ['POD_SECURITY', /violates PodSecurity/],
  ['POLICY', /denied the request|denied request: /],
  ['MISSING', /\bnot found\b|no PriorityClass/],
  [
    'UNAVAILABLE',
    /timeout|timed out|deadline exceeded|connection refused|connection reset|etcdserver|currently unable to handle|Internal error occurred|too many requests|try again/i,
  ],
  ['INVALID', /\bis invalid: |failed to create typed patch/],
  ['POLICY', /\bis forbidden: /],
];

/** Which kind of refusal it is that keeps pods, or a ReplicaSet, from being created. */
export const creationKind = (message: string): string | undefined => kindOf(creations, message);

/** As the data of a write's refusal by a policy. */
export const admissionKind = (message: string): { kind?: string } =>
  creationKind(message) === 'POD_SECURITY' ? { kind: 'POD_SECURITY' } : {};

function kindOf(patterns: Patterns, message: string): string | undefined {
  return patterns.find(([, pattern]) => pattern.test(message))?.[0];
}
