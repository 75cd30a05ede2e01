import type { Role } from '../generated/prisma/enums.ts';
import { Problem } from '../platform/problem.ts';
import { NO_TENANT, type Context } from '../platform/db/context.ts';

type Least = Role | 'OPERATOR';

declare module '../platform/db/context.ts' {
  interface Roles {
    auth: Least;
  }
}

interface Rule {
  /** The lowest role that may do it. */
  role: Least;
  /** Needs no tenant: the operator may do it without `Slipway-Tenant`. */
  tenantless?: true;
}

const viewer: Rule = { role: 'VIEWER' };
const deployer: Rule = { role: 'DEPLOYER' };
const admin: Rule = { role: 'ADMIN' };
const operator: Rule = { role: 'OPERATOR', tenantless: true };

/** Who may do what: the only table, used by REST, GraphQL and sockets. An action that is not listed is allowed to no one. */
export const ACTIONS = {
  'tenants.list': operator,
  'tenants.get': operator,
  'tenants.create': operator,
  'tenants.update': operator,
  'regions.list': { role: 'VIEWER', tenantless: true },
  'regions.create': operator,
  'me.get': { role: 'VIEWER', tenantless: true },
  'apiKeys.list': admin,
  'apiKeys.create': admin,
  'apiKeys.rotate': admin,
  'apiKeys.delete': admin,
  'clusters.list': viewer,
  'clusters.get': viewer,
  'clusters.create': admin,
  'clusters.update': admin,
  'clusters.delete': admin,
  'clusters.replaceCredentials': admin,
  'clusters.check': admin,
  'clusters.accessManifest': viewer,
  'templates.list': viewer,
  'templates.get': viewer,
  'templates.create': admin,
  'templates.update': admin,
  'templates.delete': admin,
  'revisions.list': viewer,
  'revisions.get': viewer,
  'revisions.create': deployer,
  'revisions.render': deployer,
  'workloads.list': viewer,
  'workloads.get': viewer,
  'workloads.create': admin,
  'workloads.update': admin,
  'workloads.delete': admin,
  'releases.list': viewer,
  'releases.get': viewer,
  'rollouts.list': viewer,
  'rollouts.get': viewer,
  'rollouts.create': deployer,
  'rollouts.rollback': deployer,
  'rollouts.restart': deployer,
  'rollouts.scale': deployer,
  'rollouts.pause': deployer,
  'rollouts.resume': deployer,
  'rollouts.promote': deployer,
  'rollouts.abort': deployer,
  'rollouts.retry': deployer,
  'events.list': viewer,
} as const satisfies Record<string, Rule>;

export type Action = keyof typeof ACTIONS;

const RANK: Record<Least, number> = { VIEWER: 1, DEPLOYER: 2, ADMIN: 3, OPERATOR: 4 };

export const isAction = (name: string): name is Action => Object.hasOwn(ACTIONS, name);

/** Whether a role may do it at all. */
export const mayDo = (role: Context['role'], action: Action): boolean => RANK[role] >= RANK[ACTIONS[action].role];

/** Throws FORBIDDEN unless this caller may. */
export function authorize(caller: Pick<Context, 'role' | 'tenantId'>, action: string): void {
  if (!isAction(action)) throw new Error(`${action} is not an action`);
  const rule: Rule = ACTIONS[action];
  if (!mayDo(caller.role, action)) {
    const who = rule.role === 'OPERATOR' ? "the operator's key" : `the role ${rule.role}`;
    throw new Problem('FORBIDDEN', `This requires ${who}; the key has the role ${caller.role}.`);
  }
  if (caller.tenantId === NO_TENANT && !rule.tenantless) {
    throw new Problem('FORBIDDEN', 'This requires a tenant: name it in the header Slipway-Tenant.', [
      { parameter: 'Slipway-Tenant', detail: 'is missing' },
    ]);
  }
}

/** Whether the action never runs for a tenant, even if the request names one. */
export const isTenantless = (action: string): boolean => isAction(action) && ACTIONS[action].role === 'OPERATOR';
