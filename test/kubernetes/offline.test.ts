import { afterAll, describe, expect, it } from 'vitest';
import { validateDocument } from '../../src/templates/core/validate.ts';
import { changedDocuments, richDocument } from '../templates/core/rich.ts';
import { Client, RequestFailed } from './control-plane/client.ts';
import { providedClusters } from './support/clusters.ts';

const [cluster] = providedClusters();

/** What we refuse although an API server may accept it: what cannot be applied. */
const OURS = /by which server-side apply tells entries apart/;
/** Of all changes, every so many are asked about. */
const EVERY = 4;
const AT_ONCE = 8;

describe.skipIf(cluster === undefined)('what a real API server accepts is accepted offline', () => {
  const client = cluster && new Client({ ...cluster, token: cluster.adminToken });
  afterAll(() => client?.close());

  /** True if a dry run of a Deployment and a Service with these specs succeeds. */
  async function isAccepted({ pod, service }: { pod: any; service: any }): Promise<boolean> {
    const metadata = { name: 'web', namespace: 'default' };
    const labels = typeof pod.metadata?.labels === 'object' ? { ...pod.metadata.labels, app: 'web' } : pod.metadata?.labels;
    const template = { ...pod, metadata: { ...pod.metadata, labels } };
    const objects = [
      ['/apis/apps/v1/namespaces/default/deployments', { metadata, spec: { selector: { matchLabels: { app: 'web' } }, template } }],
      ['/api/v1/namespaces/default/services', { metadata, spec: { ...service, selector: { app: 'web' } } }],
    ] as const;
    try {
      for (const [path, object] of objects) await client!.request('POST', `${path}?dryRun=All&fieldValidation=Strict`, object);
      return true;
    } catch (error) {
      if (error instanceof RequestFailed && [400, 422].includes(error.status)) return false;
      throw error;
    }
  }

  it('a document with most of what Kubernetes has', async () => {
    expect(validateDocument(richDocument, 'PRIVILEGED')).toEqual({ document: richDocument });
    expect(await isAccepted(richDocument)).toBe(true);
  });

  it('and its changes, in each field', async () => {
    const refused = [...changedDocuments()]
      .filter((_, index) => index % EVERY === 0)
      .flatMap(({ change, document }) => {
        const result = validateDocument(document, 'PRIVILEGED');
        const faults = 'faults' in result ? result.faults.filter(({ detail }) => !OURS.test(detail)) : [];
        return faults.length > 0 ? [{ change, document, fault: faults[0] }] : [];
      });
    expect(refused.length).toBeGreaterThan(500);
    const wrong: unknown[] = [];
    const ask = async (): Promise<void> => {
      for (let next = refused.pop(); next; next = refused.pop())
        if (await isAccepted(next.document)) wrong.push({ change: next.change, fault: next.fault });
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
    expect(wrong).toEqual([]);
  });
});
