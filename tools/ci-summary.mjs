// Sums the runners' reports into the gate's last line. A part without a case is a failure: nothing may pass by not running.
import { existsSync, readFileSync } from 'node:fs';

const parts = ['reports/test.json', 'reports/kubernetes.json'].filter(
  (file) => !(file.includes('kubernetes') && process.env.SLIPWAY_SKIP_KUBERNETES === '1'),
);
let passed = 0;
/** Failed steps. A step with a report of failed cases is counted by these. */
const broken = new Set(process.argv.slice(2));
let failed = 0;
let skipped = 0;
for (const file of parts) {
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
  if (report.numFailedTests > 0) broken.delete(file.includes('kubernetes') ? 'test:kubernetes' : 'test');
  skipped += report.numPendingTests;
}
for (const step of broken) console.log(`${step}: failed`);
failed += broken.size;
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
