import { describe, expect, it } from 'vitest';
import type { TemplateDocument } from '../../../src/templates/core/document.ts';
import { MAX_CHECKS, planChecks } from '../../../src/workloads/core/check-plan.ts';
import type { CheckCluster, CheckSite } from '../../../src/workloads/core/check-plan.ts';

const document = (parameters: object = {}): TemplateDocument =>
  ({ parameters, pod: { spec: { containers: [{ name: 'web', image: 'x' }] } } }) as unknown as TemplateDocument;
const cluster = (name: string, version: string | null = 'v1.36.3', isConnected = true): CheckCluster => ({
  ...{ id: name, name, regionId: 'eu', version, isConnected },
});
const site = (name: string, at: CheckCluster, values: Record<string, unknown> = {}): CheckSite => ({
  ...{ cluster: at, namespace: `ns-${name}`, workload: { id: name, name }, values },
});
const plan = (
  sites: CheckSite[],
  change: Partial<{ document: TemplateDocument; named: Parameters<typeof planChecks>[2]; spare: CheckCluster | null }> = {},
) => planChecks(change.document ?? document(), sites, change.named ?? null, change.spare ?? null);
const shown = (checks: ReturnType<typeof plan>) =>
  checks.map((check) => `${check.cluster.name}/${check.namespace} ${check.workload?.name ?? 'default'} ${check.state}`);

const parameters = { image: { type: 'string', default: 'x' } };

describe('a revision is checked', () => {
  it('on one cluster of each minor version, the newest first', () => {
    const sites = [
      site('a', cluster('old', 'v1.9.1')),
      site('b', cluster('new', 'v1.36.1')),
      site('c', cluster('same', 'v1.36.3')),
      site('d', cluster('unknown', null)),
    ];
    expect(shown(plan(sites))).toEqual(['new/ns-b default PENDING', 'old/ns-a default PENDING', 'unknown/ns-d default PENDING']);
  });

  it('with the defaults and the values of each workload, each once', () => {
    const at = cluster('one');
    const sites = [site('a', at, { image: 'a' }), site('b', at, { image: 'b' }), site('c', at, { image: 'a' }), site('d', at)];
    expect(shown(plan(sites, { document: document(parameters) }))).toEqual([
      'one/ns-a default PENDING',
      'one/ns-a a PENDING',
      'one/ns-b b PENDING',
    ]);
  });

  it('on a connected cluster, if there is one', () => {
    const sites = [site('a', cluster('away', 'v1.36.0', false)), site('b', cluster('there'))];
    expect(shown(plan(sites))).toEqual(['there/ns-b default PENDING']);
    expect(shown(plan([sites[0]!]))).toEqual(['away/ns-a default PENDING']);
  });

  it(`at most ${MAX_CHECKS} times`, () => {
    const sites = Array.from({ length: 30 }, (_, n) => site(`w${n}`, cluster('one'), { image: `v${n}` }));
    expect(plan(sites, { document: document(parameters) })).toHaveLength(MAX_CHECKS);
  });

  it('at the place that a request names, with the same values', () => {
    const named = { cluster: cluster('there'), namespace: 'shop' };
    const sites = [site('a', cluster('one'), { image: 'a' }), site('b', cluster('old', 'v1.9.1'), { image: 'b' })];
    expect(shown(plan(sites, { document: document(parameters), named }))).toEqual([
      'there/shop default PENDING',
      'there/shop a PENDING',
      'there/shop b PENDING',
    ]);
    expect(shown(plan([], { named }))).toEqual(['there/shop default PENDING']);
  });

  it('nowhere without a place', () => {
    expect(plan([])).toEqual([]);
    expect(plan([], { spare: cluster('any') })).toMatchObject([
      { cluster: { name: 'any' }, namespace: null, state: 'UNKNOWN', findings: [{ kind: 'CLUSTER', pointer: '' }] },
    ]);
  });

  const required = { image: { type: 'string', required: true }, size: { type: 'integer', default: 1, maximum: 3 } };

  it('not with the defaults, where they are not enough and workloads have the values', () => {
    expect(shown(plan([site('a', cluster('one'), { image: 'a' })], { document: document(required) }))).toEqual(['one/ns-a a PENDING']);
  });

  it('and a parameter without a value is named, without asking a cluster', () => {
    const named = { cluster: cluster('there'), namespace: 'shop' };
    const findings = [{ kind: 'CLUSTER', pointer: '/parameters/image', detail: expect.stringContaining('has no value') }];
    expect(plan([], { document: document(required), named })).toMatchObject([{ state: 'UNKNOWN', findings }]);
    expect(plan([site('a', cluster('one'))], { document: document(required) })).toMatchObject([
      { workload: { name: 'a' }, state: 'UNKNOWN', findings },
    ]);
  });

  it('and a value that it does not take fails it, without asking a cluster', () => {
    const checks = plan([site('a', cluster('one'), { image: 'a', size: 9, colour: 'red' })], { document: document(required) });
    expect(checks).toMatchObject([
      {
        state: 'FAILED',
        findings: [
          { kind: 'FAULT', pointer: '/parameters/size', detail: 'must be at most 3' },
          { kind: 'FAULT', pointer: '/parameters/colour', detail: 'is not a parameter of this revision' },
        ],
      },
    ]);
  });
});
