import { expect, it } from 'vitest';
import { statesPage } from '../../tools/states.ts';

/** After a change of the tables of transitions: npm run docs */
it('docs/states.md is what the tables of transitions say', async () => {
  await expect(statesPage()).toMatchFileSnapshot('../../docs/states.md');
});
