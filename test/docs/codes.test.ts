import { expect, it } from 'vitest';
import { codesPage } from '../support/codes-page.ts';

/**
 * The page is what the tables say. After a change of a table:
 *   npm run docs
 */
it('docs/codes.md lists every code', async () => {
  const page = codesPage();
  expect(page).not.toMatch(/undefined|\[object|=>/);
  await expect(page).toMatchFileSnapshot('../../docs/codes.md');
});
