import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isAlias, isMap, isScalar, parseAllDocuments, visit } from 'yaml';
import type { Document } from 'yaml';
import type { Fault } from '../../platform/fault.ts';
import { isRecord } from '../../platform/json.ts';
import { readPem, readServer, readToken } from './credential.ts';
import type { Credential } from './credential.ts';

/** Result of reading a kubeconfig: a credential, or all faults, with pointers into the kubeconfig's document. */
export type KubeconfigReading = { credential: Credential; faults: null } | { credential: null; faults: Fault[] };

type Values = Record<string, unknown>;

export const maxKubeconfigBytes = 64 * 1024;
const maxDepth = 20;

/**
 * Reads the needed part of a kubeconfig. Fields that make a program run commands, read files, use a proxy, skip verification or impersonate someone are
 * refused by name: the text comes from a tenant, and following it would, for example, run their commands with our rights. Nothing is executed, opened or
 * connected to here.
 */
export function parseKubeconfig(text: string): KubeconfigReading {
  const faults: Fault[] = [];
  const credential = readDocument(text, faults);
  return credential !== null && faults.length === 0
    ? { credential, faults: null }
    : { credential: null, faults: faults.length > 0 ? faults : [nothing] };
}

const nothing: Fault = { pointer: '', detail: 'contains no cluster' };

/** Reads the short form `{server, caData, token}`; `caData` is PEM, or base64 of PEM as in a kubeconfig. Pointers are `/server` and so on. */
export function parseConnection(connection: { server: string; caData: string; token: string }): KubeconfigReading {
  const faults: Fault[] = [];
  const server = readServer(connection.server, '/server', faults);
  const ca = readPem(connection.caData, '/caData', faults, 'certificate');
  const token = readToken(connection.token, '/token', faults);
  if (server === null || ca === null || token === null) return { credential: null, faults };
  return { credential: { server, ca, auth: { token } }, faults: null };
}

function readDocument(text: string, faults: Fault[]): Credential | null {
  const root = readYaml(text, faults);
  if (root === null) return null;
  refuseFields(root, '', {}, knownInRoot, faults);
  const { kind, apiVersion } = root;
  if (kind !== undefined && kind !== 'Config') faults.push({ pointer: '/kind', detail: 'must be Config' });
  if (apiVersion !== undefined && apiVersion !== 'v1') faults.push({ pointer: '/apiVersion', detail: 'must be v1' });
  const context = chooseContext(root, faults);
  if (context === null) return null;
  const cluster = namedEntry(root, 'clusters', 'cluster', context.cluster, `${context.pointer}/cluster`, faults);
  const user = namedEntry(root, 'users', 'user', context.user, `${context.pointer}/user`, faults);
  // Both are read even if one is not valid, so that all faults are reported.
  const address = cluster && readCluster(cluster.value, cluster.pointer, faults);
  const auth = user && readUser(user.value, user.pointer, faults);
  return address && auth ? { ...address, auth } : null;
}

/** Reads the text as one plain mapping. Anchors, aliases, tags, merge keys and duplicate keys are refused, so that the text is unambiguous to a reader. */
function readYaml(text: string, faults: Fault[]): Values | null {
  const refuse = (detail: string): null => {
    faults.push({ pointer: '', detail });
    return null;
  };
  if (Buffer.byteLength(text, 'utf8') > maxKubeconfigBytes) return refuse('is longer than 64 KiB');
  if (nestsTooDeep(text)) return refuse('is nested too deeply');
  let documents: Document.Parsed[];
  try {
    documents = [...parseAllDocuments(text, { uniqueKeys: true, merge: false, prettyErrors: false, stringKeys: true, logLevel: 'silent' })];
  } catch {
    return refuse('is not YAML');
  }
  const [document] = documents;
  if (document === undefined || documents.length > 1) return refuse(document === undefined ? 'is empty' : 'must be one document');
  const error = document.errors[0] ?? document.warnings[0];
  if (error !== undefined)
    return refuse(error.code === 'DUPLICATE_KEY' ? 'has the same key twice in one mapping' : `is not plain YAML (${error.code})`);
  const oddity = findOddity(document);
  if (oddity !== null) return refuse(oddity);
  if (!isMap(document.contents)) return refuse('must be a mapping');
  const value: unknown = document.toJS({ maxAliasCount: 0 });
  return isRecord(value) ? value : refuse('must be a mapping');
}

/** Flow collections need only one character per level, which could exhaust the stack of a recursive parser. */
function nestsTooDeep(text: string): boolean {
  let depth = 0;
  for (const line of text.split('\n')) if (line.length - line.trimStart().length > 200 || /^\s*(- ){20}/.test(line)) return true;
  for (const character of text) {
    if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth = Math.max(0, depth - 1);
    if (depth > maxDepth) return true;
  }
  return false;
}

function findOddity(document: Document.Parsed): string | null {
  let found: string | null = null;
  visit(document, {
    Node: (_key, node, path) => {
      if (isAlias(node)) found ??= 'must not use aliases';
      else if (node.anchor !== undefined) found ??= 'must not use anchors';
      else if (node.tag !== undefined) found ??= 'must not use tags';
      else if (isScalar(node) && node.value === '<<' && node.type === 'PLAIN') found ??= 'must not use merge keys';
      if (path.length > 2 * maxDepth) found ??= 'is nested too deeply';
      return found === null ? undefined : visit.BREAK;
    },
  });
  return found;
}

interface Context {
  cluster: unknown;
  user: unknown;
  pointer: string;
}

function chooseContext(root: Values, faults: Fault[]): Context | null {
  const contexts = root['contexts'];
  if (!Array.isArray(contexts) || contexts.length === 0) {
    faults.push({ pointer: '/contexts', detail: 'must contain a context' });
    return null;
  }
  const current = root['current-context'];
  if (current === undefined || current === null || current === '') {
    if (contexts.length > 1) {
      faults.push({ pointer: '/current-context', detail: 'must name the context to use, because there are several' });
      return null;
    }
    return readContext(contexts[0], '/contexts/0', faults);
  }
  const found = findNamed(contexts, current);
  if (found.length !== 1) {
    faults.push({
      pointer: '/current-context',
      detail: found.length === 0 ? 'names a context that does not exist' : 'names a context that exists twice',
    });
    return null;
  }
  const index = found[0] ?? 0;
  return readContext(contexts[index], `/contexts/${index}`, faults);
}

function readContext(entry: unknown, pointer: string, faults: Fault[]): Context | null {
  const context = isRecord(entry) ? entry['context'] : undefined;
  if (isRecord(context)) {
    refuseFields(context, `${pointer}/context`, refusedInUser, knownInContext, faults);
    return { cluster: context['cluster'], user: context['user'], pointer: `${pointer}/context` };
  }
  faults.push({ pointer: `${pointer}/context`, detail: 'must be a mapping' });
  return null;
}

function findNamed(list: unknown[], name: unknown): number[] {
  return list.flatMap((entry, index) => (typeof name === 'string' && isRecord(entry) && entry['name'] === name ? [index] : []));
}

function namedEntry(
  root: Values,
  list: string,
  field: string,
  name: unknown,
  namedAt: string,
  faults: Fault[],
): { value: Values; pointer: string } | null {
  const entries = root[list];
  const found = Array.isArray(entries) ? findNamed(entries, name) : [];
  const [index] = found;
  if (!Array.isArray(entries) || index === undefined || found.length > 1) {
    faults.push({ pointer: namedAt, detail: `must name one of ${list}${found.length > 1 ? ', and that name exists twice' : ''}` });
    return null;
  }
  const pointer = `/${list}/${index}/${field}`;
  const entry = entries[index] as Values;
  refuseFields(entry, `/${list}/${index}`, refusedInUser, ['name', field], faults);
  const value = entry[field];
  if (isRecord(value)) return { value, pointer };
  faults.push({ pointer, detail: 'must be a mapping' });
  return null;
}

/** Refused fields, and what to do instead. */
const refusedInCluster: Record<string, string> = {
  'certificate-authority': 'is a file path, and files are not read: put the certificate into certificate-authority-data',
  'insecure-skip-tls-verify': "is not accepted: the server's certificate is always verified",
  'proxy-url': 'is not accepted: clusters are connected to directly',
  'tls-server-name': "is not accepted: the certificate must be valid for the server's own address",
};
const refusedInUser: Record<string, string> = {
  exec: 'is not accepted, because it runs a command: use a token of a ServiceAccount',
  'auth-provider': 'is not accepted: use a token of a ServiceAccount',
  tokenFile: 'is a file path, and files are not read: put the token into token',
  'client-certificate': 'is a file path, and files are not read: put the certificate into client-certificate-data',
  'client-key': 'is a file path, and files are not read: put the key into client-key-data',
  username: 'is not accepted: Kubernetes has no passwords; use a token',
  password: 'is not accepted: Kubernetes has no passwords; use a token',
  as: 'is not accepted: impersonation is not supported',
  'as-uid': 'is not accepted: impersonation is not supported',
  'as-groups': 'is not accepted: impersonation is not supported',
  'as-user-extra': 'is not accepted: impersonation is not supported',
};
const knownInRoot = ['apiVersion', 'kind', 'preferences', 'clusters', 'users', 'contexts', 'current-context', 'extensions'];
const knownInContext = ['cluster', 'user', 'namespace', 'extensions'];
const knownInCluster = ['server', 'certificate-authority-data', 'disable-compression', 'extensions'];
const knownInUser = ['token', 'client-certificate-data', 'client-key-data', 'extensions'];

function refuseFields(value: Values, pointer: string, refused: Record<string, string>, known: string[], faults: Fault[]): void {
  for (const field of Object.keys(value)) {
    if (known.includes(field) || isHarmless(field, value[field])) continue;
    const detail = Object.hasOwn(refused, field) ? refused[field] : field.startsWith('as-') ? refused['as'] : undefined;
    faults.push({ pointer: `${pointer}/${escapePointer(field)}`, detail: detail ?? 'is not a known field' });
  }
}

/** Tools write this field even with its default. */
function isHarmless(field: string, value: unknown): boolean {
  return field === 'insecure-skip-tls-verify' && value === false;
}

function readCluster(value: Values, pointer: string, faults: Fault[]): { server: string; ca: string } | null {
  refuseFields(value, pointer, refusedInCluster, knownInCluster, faults);
  const server = readServer(value['server'], `${pointer}/server`, faults);
  const ca = readPem(value['certificate-authority-data'], `${pointer}/certificate-authority-data`, faults, 'certificate');
  return server === null || ca === null ? null : { server, ca };
}

function readUser(value: Values, pointer: string, faults: Fault[]): Credential['auth'] | null {
  const before = faults.length;
  refuseFields(value, pointer, refusedInUser, knownInUser, faults);
  const { token, 'client-certificate-data': certificateData, 'client-key-data': keyData } = value;
  if (token !== undefined) {
    if (certificateData !== undefined || keyData !== undefined)
      faults.push({ pointer, detail: 'must contain a token or a client certificate, not both' });
    const read = readToken(token, `${pointer}/token`, faults);
    return read === null ? null : { token: read };
  }
  if (certificateData === undefined && keyData === undefined) {
    // A refused field has already been reported; another fault would only distract.
    if (faults.length === before) faults.push({ pointer, detail: 'must contain a token, or client-certificate-data and client-key-data' });
    return null;
  }
  const certificate = readPem(certificateData, `${pointer}/client-certificate-data`, faults, 'certificate');
  const key = readPem(keyData, `${pointer}/client-key-data`, faults, 'key');
  if (certificate === null || key === null) return null;
  if (new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return { certificate, key };
  faults.push({ pointer: `${pointer}/client-key-data`, detail: 'is not the key of this certificate' });
  return null;
}

function escapePointer(segment: string): string {
  return segment.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
}
