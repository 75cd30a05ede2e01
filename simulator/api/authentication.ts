/** Authenticates a request: the cluster's admin, or a service account with a token. */
import { timestamp } from '../clock.ts';
import type { Cluster } from '../cluster.ts';
import { isFields } from '../objects.ts';
import type { Fields } from '../objects.ts';
import { resources } from '../resources.ts';
import { unauthorized } from '../status.ts';
import { find } from './read.ts';
import type { Target } from './request.ts';

export interface User {
  name: string;
  groups: string[];
  /** May do everything except what an injected fault denies. */
  admin: boolean;
}

/** An issued token of a service account. It is valid until it expires or the account is deleted. */
export interface AccountToken {
  namespace: string;
  account: string;
  uid: string;
  until: number;
}

/** The user of a request's token; 401 if there is none. */
export function identify(cluster: Cluster, authorization: unknown): User {
  const token = typeof authorization === 'string' && authorization.startsWith('Bearer ') ? authorization.slice('Bearer '.length) : '';
  if (cluster.faults.settings.tokenExpired) throw unauthorized();
  if (token === cluster.token) return { name: cluster.user, groups: ['system:masters', 'system:authenticated'], admin: true };
  const known = cluster.accountTokens.get(token);
  const account = known && cluster.store.get(resources.serviceAccounts, known.namespace, known.account)?.object;
  if (!known || account?.metadata.uid !== known.uid || known.until <= cluster.clock.now()) throw unauthorized();
  const { namespace, account: name } = known;
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
  return { name: `system:serviceaccount:${namespace}:${name}`, groups, admin: false };
}

const defaultSeconds = 3600;
const shortestSeconds = 600;

/** Answers a TokenRequest. */
export function requestToken(cluster: Cluster, target: Target, body: unknown): Fields {
  const { metadata } = find(cluster, target).object;
  const spec = isFields(body) && isFields(body['spec']) ? body['spec'] : {};
  const wanted = typeof spec['expirationSeconds'] === 'number' ? spec['expirationSeconds'] : defaultSeconds;
  const expirationSeconds = Math.max(wanted, shortestSeconds);
  const { name, namespace = '', uid } = metadata;
  const now = cluster.clock.now();
  const until = now + expirationSeconds * 1000;
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const claims = { sub: `system:serviceaccount:${namespace}:${name}`, exp: Math.floor(until / 1000), jti: cluster.random.uuid() };
  const signature = Buffer.from(cluster.random.suffix(43)).toString('base64url');
  const token = `${encode({ alg: 'RS256', kid: 'simulated' })}.${encode(claims)}.${signature}`;
  cluster.accountTokens.set(token, { namespace, account: name, uid, until });
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name, namespace, creationTimestamp: timestamp(now) },
    spec: { audiences: ['https://kubernetes.default.svc'], expirationSeconds, boundObjectRef: null },
    status: { token, expirationTimestamp: timestamp(until) },
  };
}
