import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { statesPage, withPhases } from '../../tools/states.ts';

/** After a change of the tables of transitions: npm run docs */
it('docs/states.md is what the tables of transitions say', async () => {
  await expect(statesPage()).toMatchFileSnapshot('../../docs/states.md');
});

it('the phases of a rollout in ARCHITECTURE.md are those of the tables', async () => {
  const page = readFileSync(new URL('../../ARCHITECTURE.md', import.meta.url), 'utf8');
  await expect(withPhases(page)).toMatchFileSnapshot('../../ARCHITECTURE.md');
});
