// Sums the runners' reports into the gate's last line. A part without a case is a failure: nothing may pass by not running.
import { existsSync, readFileSync } from 'node:fs';

/** The report of each step that has one. */
const parts = Object.entries({
  test: 'reports/test.json',
  scenarios: 'reports/rig-scenarios.json',
  kill: 'reports/rig-kill.json',
  'test:kubernetes': 'reports/kubernetes.json',
  chaos: 'reports/rig-chaos.json',
}).filter(([step]) => !(['test:kubernetes', 'chaos'].includes(step) && process.env.SLIPWAY_SKIP_KUBERNETES === '1'));
let passed = 0;
/** Failed steps. A step with a report of failed cases is counted by these. */
const broken = new Set(process.argv.slice(2));
let failed = 0;
let skipped = 0;
for (const [step, file] of parts) {
  const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
  const cases = report ? report.numPassedTests + report.numFailedTests : 0;
  if (cases === 0) {
    console.log(`${file}: no case was run`);
    failed += 1;
    continue;
  }
  console.log(`${file}: ${report.numPassedTests} passed, ${report.numFailedTests} failed, ${report.numPendingTests} skipped`);
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  if (report.numFailedTests > 0) broken.delete(step);
  skipped += report.numPendingTests;
}
for (const step of broken) console.log(`${step}: failed`);
failed += broken.size;
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
