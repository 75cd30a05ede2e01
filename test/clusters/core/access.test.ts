import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { accessManifest } from '../../../src/clusters/core/access-manifest.ts';
import { describeAccess, isGranted, optionalAccess, requiredAccess } from '../../../src/clusters/core/access.ts';

interface Role {
  kind: string;
  metadata: { namespace: string };
  rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

const documents = parseAllDocuments(accessManifest('shop')).map((document) => document.toJS() as Role);
const role = documents.find((document) => document.kind === 'Role') as Role;

describe('the access manifest', () => {
  it('is a ServiceAccount, a Role and a RoleBinding, all in the namespace', () => {
    expect(documents.map((document) => [document.kind, document.metadata.namespace])).toEqual([
      ['ServiceAccount', 'shop'],
      ['Role', 'shop'],
      ['RoleBinding', 'shop'],
    ]);
  });

  it('grants exactly what the reviews ask for', () => {
    const asked = [...requiredAccess, ...optionalAccess];
    expect(asked.filter((access) => !isGranted(access, role.rules))).toEqual([]);
    const granted = role.rules.flatMap((rule) => rule.resources.flatMap((resource) => rule.verbs.map((verb) => `${verb} ${resource}`)));
    expect(granted.toSorted()).toEqual(
      asked.map((access) => `${access.verb} ${access.resource}${access.subresource ? `/${access.subresource}` : ''}`).toSorted(),
    );
  });

  it('grants nothing by which rights could grow or secrets leave', () => {
    const text = JSON.stringify(role.rules);
    for (const word of [
      '*',
      'secrets',
      'exec',
      'attach',
      'portforward',
      'escalate',
      'bind',
      'impersonate',
      'serviceaccounts',
      'token',
      'rbac',
      'nodes',
      'deletecollection',
    ]) {
      expect(text).not.toContain(word);
    }
  });
});

describe('whether rules grant an access', () => {
  const scale = { group: 'apps', resource: 'deployments', subresource: 'scale', verb: 'patch' };
  it.each([
    ['by name', [{ verbs: ['patch'], apiGroups: ['apps'], resources: ['deployments/scale'] }], true],
    ['by wildcards', [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }], true],
    ['by the subresource of anything', [{ verbs: ['patch'], apiGroups: ['apps'], resources: ['*/scale'] }], true],
    ['not by the resource without it', [{ verbs: ['patch'], apiGroups: ['apps'], resources: ['deployments'] }], false],
    ['not in another group', [{ verbs: ['patch'], apiGroups: [''], resources: ['deployments/scale'] }], false],
    ['not by another verb', [{ verbs: ['get'], apiGroups: ['apps'], resources: ['deployments/scale'] }], false],
    ['not for one object alone', [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: ['web'] }], false],
    ['not by nothing', [{ verbs: ['*'] }], false],
  ])('%s', (_name, rules, granted) => {
    expect(isGranted(scale, rules)).toBe(granted);
  });

  it('is described for people', () => {
    expect(describeAccess(scale)).toBe('patch deployments/scale in apps');
    expect(describeAccess({ group: '', resource: 'pods', subresource: 'log', verb: 'get' })).toBe('get pods/log');
  });
});
