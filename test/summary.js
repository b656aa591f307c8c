// Says which tests were skipped and why, and closes with the plain line `N passed, N failed[, N skipped]`.
// Usage: summary.js VITEST_JSON VITEST_EXIT_STATUS. The environment's FAILED_STEPS names steps outside vitest that
// failed (lint, type check): each counts as one failure. Exit status 1 for any failure, and where no test passed at all.
import { readFileSync } from 'node:fs';

const [file, status] = process.argv.slice(2);
let report = { testResults: [] };
try {
  report = JSON.parse(readFileSync(file, 'utf8'));
} catch {
  console.log('The test runner left no report.');
}

const steps = (process.env.FAILED_STEPS ?? '').split(' ').filter((step) => step !== '');
for (const step of steps) console.log(`FAILED  ${step}`);
const count = { passed: 0, failed: steps.length, skipped: 0 };
const skipped = new Map();
for (const { name, status: outcome, message, assertionResults } of report.testResults) {
  // A file that cannot be loaded has no tests to count, but it failed.
  if (outcome === 'failed' && assertionResults.every((test) => test.status !== 'failed')) {
    count.failed++;
    console.log(`FAILED  ${name}: ${message.split('\n')[0]}`);
  }
  for (const test of assertionResults) {
    if (test.status === 'passed') count.passed++;
    else if (test.status === 'failed') {
      count.failed++;
      console.log(`FAILED  ${test.fullName}`);
    } else {
      count.skipped++;
      const reason = test.fullName.match(/\(skipped: (.*?)\)(?: |$)/)?.[1] ?? test.fullName;
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
    }
  }
}
for (const [reason, times] of skipped) console.log(`skipped ${times}: ${reason}`);
if (count.passed === 0) console.log('No test passed: nothing has been shown.');
if ((Number(status) !== 0 || report.testResults.length === 0) && count.failed === 0) {
  count.failed++;
  console.log(`FAILED  the test runner itself (exit status ${status})`);
}
console.log(
  `${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}`,
);
process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0;
