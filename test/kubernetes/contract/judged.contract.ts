import { describe, expect, it } from 'vitest';
import { KubernetesError } from '../../../src/clusters/kubernetes/errors.ts';
import { validateDocument } from '../../../src/templates/core/validate.ts';
import { render } from '../../../src/workloads/core/render.ts';
import { JUDGED, judgedDocument } from '../../templates/core/judged.ts';
import { makeWorld } from './world.ts';
import type { Cluster } from './world.ts';

/** What is left to an API server to judge: a dry run of the rendered objects blames the field, or accepts them. */
export function judgedContract(cluster: Cluster): void {
  describe('a template that offline nothing is wrong with', () => {
    const world = makeWorld(cluster);

    it.for(JUDGED)('%s', async ([, change, field, since = 0], { skip }) => {
      const [, minor] = (await world().kubernetes.version()).gitVersion.split('.');
      skip(Number(minor) < since, `needs Kubernetes 1.${since}`);
      const namespace = await world().namespace();
      const document = judgedDocument(change);
      expect(validateDocument(document, 'BASELINE')).toEqual({ document });
      const rendered = render({
        workload: { id: 'w', name: 'web' },
        namespace,
        release: null,
        document,
        values: {},
        podSecurity: 'BASELINE',
      });
      if ('faults' in rendered) throw new Error(JSON.stringify(rendered.faults));
      const blamed: string[] = [];
      for (const object of rendered.rendering.objects)
        await world()
          .kubernetes.apply(object, { dryRun: true })
          .catch((error: unknown) => {
            if (!(error instanceof KubernetesError)) throw error;
            expect([error.kind, error.message]).toEqual(['INVALID', expect.any(String)]);
            blamed.push(...error.causes.map((cause) => cause.field ?? ''));
          });
      expect(blamed).toEqual(field === null ? [] : expect.arrayContaining([field]));
    });
  });
}
