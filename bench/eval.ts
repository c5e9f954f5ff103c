/** `npm run eval -- suite FILE…`: prompt tests on the real device engine. `--help` says the rest. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

import { baselineOf, parseBaseline, regressions } from './eval/baseline.ts'
import { OutcomeFile } from './eval/outcome.ts'
import { printReport } from './eval/print.ts'
import { calibratorFile, makeReport } from './eval/report.ts'
import { runSuite, type Selection } from './eval/run.ts'
import type { Suite } from './eval/suite.ts'
import { describeMachine, versions } from './machine.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Two of 63 messages are 0.032: less than that is chance. */
const TOLERANCE = '0.035'

const HELP = `npm run eval -- suite FILE… [options]

Runs every case of a suite (bench/suites/inbox.ts, say) on the real device engine in Chromium, without a gateway; judges the answers;
fits calibrators on the split calibration and reports on the split test.

--tasks A,B            only these tasks
--rungs A,B            only these rungs
--split A,B            only these splits (calibration, test)
--limit N              only the first N cases of each task and split
--backend NAME         wasm (default), webgpu or auto
--threads N            WASM threads; on a busy machine 1 is many times faster than 2, since threads wait for each other by spinning
--reuse                takes answers of earlier runs whose prompt, model and case are the same; .tmp/eval/ keeps them
--price-in, --price-out N    money for a million tokens of the frontier model, for the estimate (default 2.5 and 10)
--export FILE          writes the calibrators, as runtime.calibrators.importCalibrators takes them
--write-baseline FILE  writes the shares on test
--baseline FILE        compares with such a file; exit code 1 where a share is lower by more than the tolerance, or missing
--tolerance N          default ${TOLERANCE}, a little more than two of 63 messages
--json FILE            writes all figures`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tasks: { type: 'string' },
    rungs: { type: 'string' },
    split: { type: 'string' },
    limit: { type: 'string' },
    backend: { type: 'string', default: 'wasm' },
    threads: { type: 'string' },
    reuse: { type: 'boolean', default: false },
    'price-in': { type: 'string', default: '2.5' },
    'price-out': { type: 'string', default: '10' },
    export: { type: 'string' },
    'write-baseline': { type: 'string' },
    baseline: { type: 'string' },
    tolerance: { type: 'string', default: TOLERANCE },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  const [command, ...files] = positionals
  if (values.help || command === undefined) {
    console.log(HELP)
    if (!values.help) process.exitCode = 1
    return
  }
  if (command !== 'suite') throw new Error(`There is no eval ${command}; there is suite. See npm run eval -- --help.`)
  if (files.length === 0) throw new Error('Which suite? npm run eval -- suite bench/suites/inbox.ts')
  const written = [values.export, values['write-baseline'], values.baseline, values.json]
  if (files.length > 1 && written.some((file) => file !== undefined))
    throw new Error('One suite at a time with files to read or write.')
  for (const file of files) await evaluate(resolve(file))
}

async function evaluate(file: string): Promise<void> {
  const suite = await importSuite(file)
  const tasks = await suite.load((path) => Promise.resolve(JSON.parse(readFileSync(join(ROOT, 'public', path), 'utf8')) as unknown))
  const machine = describeMachine()
  const kept = new OutcomeFile(join(ROOT, '.tmp/eval', `${suite.name}.jsonl`), values.reuse)
  const outcomes = await runSuite(file, tasks, selection(), kept, (line) => console.error(line))

  const price = { input: number('price-in', values['price-in']), output: number('price-out', values['price-out']) }
  const report = makeReport(tasks, outcomes, { suite: suite.name, price, now: Date.now() })
  console.log(printReport(report, price))
  if (values.json !== undefined) write(values.json, { machine, versions: versions(undefined), price, ...report })
  if (values.export !== undefined) write(values.export, calibratorFile(report))
  const shares = baselineOf(report)
  if (values['write-baseline'] !== undefined) write(values['write-baseline'], shares)
  if (values.baseline === undefined) return
  const baseline = parseBaseline(JSON.parse(readFileSync(values.baseline, 'utf8')), suite.name)
  const worse = regressions(baseline, shares, number('tolerance', values.tolerance))
  for (const { metric, was, is } of worse)
    console.error(`Worse than the baseline: ${metric} was ${was.toFixed(3)}, is ${is?.toFixed(3) ?? 'missing'}.`)
  if (worse.length > 0) process.exitCode = 1
  else console.error('No worse than the baseline.')
}

function selection(): Selection {
  const { backend } = values
  if (backend !== 'wasm' && backend !== 'webgpu' && backend !== 'auto') throw new Error('--backend takes wasm, webgpu or auto.')
  return {
    tasks: values.tasks?.split(','),
    rungs: values.rungs?.split(','),
    splits: values.split?.split(','),
    limit: values.limit === undefined ? undefined : number('limit', values.limit),
    backend,
    threads: values.threads === undefined ? undefined : number('threads', values.threads),
  }
}

async function importSuite(file: string): Promise<Suite> {
  const module: unknown = await import(pathToFileURL(file).href)
  if (typeof module !== 'object' || module === null || !('suite' in module)) throw new Error(`${file} exports no suite.`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a module of this repository, typed by its own export
  return module.suite as Suite
}

function number(option: string, text: string): number {
  const value = Number(text)
  if (!(value >= 0)) throw new Error(`--${option} takes a number of 0 or more.`)
  return value
}

function write(file: string, json: unknown): void {
  writeFileSync(file, `${JSON.stringify(json, undefined, 2)}\n`)
}

await main()
