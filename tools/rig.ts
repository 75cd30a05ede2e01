/** `npm run rig -- NAME`: the suites in test/rigs/NAME, and what its project in vitest.rig.config.ts adds. What comes after the name is for vitest. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const rigs = readdirSync(path.join(root, 'test/rigs'));
const [name = '', ...more] = process.argv.slice(2);
if (!rigs.includes(name)) {
  console.error(`npm run rig -- NAME, where NAME is one of: ${rigs.join(', ')}`);
  process.exit(1);
}
const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
const report = `--outputFile.json=reports/rig-${name}.json`;
const parameters = ['run', '--config', 'vitest.rig.config.ts', `--project=${name}*`, report, ...more];
process.exitCode = spawnSync(process.execPath, [vitest, ...parameters], { cwd: root, stdio: 'inherit' }).status ?? 1;
