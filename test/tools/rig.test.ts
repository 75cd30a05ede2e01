import { execFile } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';

const program = path.resolve(import.meta.dirname, '../../tools/rig.ts');

it.each([
  ['an unknown rig', ['kil']],
  ['no rig', []],
])('%s is answered with those that there are', async (_, names) => {
  const ended = await new Promise((resolve) => {
    execFile(process.execPath, [program, ...names], (error, out, err) => resolve({ code: error?.code, out, err }));
  });
  expect(ended).toEqual({ code: 1, out: '', err: 'npm run rig -- NAME, where NAME is one of: chaos, kill, scenarios, simulation\n' });
});
