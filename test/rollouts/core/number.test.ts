import { expect, it } from 'vitest';
import type { Side } from '../../../src/rollouts/core/observation.ts';
import { wantedReplicas } from '../../../src/rollouts/core/stages/number.ts';

const side = (releaseId: string) => ({ releaseId }) as Side;
const [a, b, c] = [side('a'), side('b'), side('c')];
const ofReleases = { a: 1, b: 2, c: 3 };

it.each<[string, { undoing: boolean; from: Side | null; to: Side | null }, number | null, Side | null, number]>([
  ['the release to run', { undoing: false, from: a, to: b }, null, a, 2],
  ['the one before, while going back', { undoing: true, from: a, to: b }, null, c, 1],
  ['what runs, while going back to nothing', { undoing: true, from: null, to: b }, null, c, 3],
  ['the one before a removal', { undoing: false, from: a, to: null }, null, c, 1],
  ['what runs, for a change of scale', { undoing: false, from: null, to: null }, null, c, 3],
  ["the placement's own number before any", { undoing: false, from: a, to: b }, 7, a, 7],
  ["Kubernetes' default without any", { undoing: false, from: null, to: null }, null, null, 1],
  ["Kubernetes' default for a release that was not rendered there", { undoing: false, from: null, to: side('d') }, null, null, 1],
])('the number of pods is that of %s', (_, target, own, applied, expected) => {
  expect(wantedReplicas(target, own, applied, ofReleases)).toBe(expected);
});
