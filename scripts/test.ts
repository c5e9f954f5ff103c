/**
 * `npm test`: everything, real Chromium included. Finds a Chromium or installs Debian's, makes the int8 weights if they are not
 * there, runs all Vitest projects and closes with the line `N passed, N failed` over all of them.
 * Arguments go to Vitest: `npm test -- --project unit`.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'

import { findChromium } from './chromium.ts'
import { ensureModels } from './models.ts'

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[]
}

const args = process.argv.slice(2)
if (args.includes('--help')) {
  console.log(
    'npm test [-- VITEST ARGUMENTS]\n\nRuns all tests: unit, contract, browser, server, dist. CHROMIUM=path chooses the browser.',
  )
  process.exit(0)
}

findChromium()
await ensureModels()

const file = '.tmp/vitest.json'
mkdirSync('.tmp', { recursive: true })
rmSync(file, { force: true })
const vitest = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args],
  { stdio: 'inherit' },
)

const report: Report = JSON.parse(readFileSync(file, 'utf8'))
// A file that could not even be loaded has no test to count: it counts as one failure.
const broken = report.testResults.filter((result) => result.status === 'failed' && result.assertionResults.length === 0).length
const failed = report.numFailedTests + broken
const skipped = report.numPendingTests === 0 ? '' : `, ${report.numPendingTests} skipped`
console.log(`${report.numPassedTests} passed, ${failed} failed${skipped}`)
process.exit(failed > 0 ? 1 : (vitest.status ?? 1))
