/** `npm run bench`: side-by-side benchmarks in real Chromium on real weights. `--help` lists them. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

import { decode } from './benches/decode.ts'
import { entrySize } from './benches/entry-size.ts'
import { longTasks } from './benches/long-tasks.ts'
import { route } from './benches/route.ts'
import { settleOverhead } from './benches/settle-overhead.ts'
import { coldStart, warmStart } from './benches/start.ts'
import type { Bench, Result } from './contract.ts'
import { describeMachine, versions } from './machine.ts'
import { openSite, type Site } from './site.ts'
import { barText, figure, passes } from './stats.ts'
import { table } from './table.ts'

const BENCHES: readonly Bench[] = [entrySize, settleOverhead, decode, route, longTasks, coldStart, warmStart]
const PAGES = ['decode', 'settle', 'long-tasks', 'start-ours', 'start-peer']

const HELP = `npm run bench [-- NAME…] [-- --runs N] [-- --json FILE]

Without names, all of them; a name may be the start of several, as core/.
--runs N     runs of each, instead of its own default
--json FILE  writes { machine, versions, results }
Exit code 1 if a bar is missed.

${BENCHES.map(({ name, unit, summary }) => `${name} (${unit})\n    ${summary}`).join('\n')}`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string' }, json: { type: 'string' }, help: { type: 'boolean' } },
})

async function main(): Promise<void> {
  if (values.help === true) {
    console.log(HELP)
    return
  }
  const unknown = positionals.find((asked) => !BENCHES.some(({ name }) => name.startsWith(asked)))
  if (unknown !== undefined) throw new Error(`There is no benchmark ${unknown}. See npm run bench -- --help.`)
  const runs = values.runs === undefined ? undefined : Number(values.runs)
  if (runs !== undefined && !(Number.isInteger(runs) && runs > 0)) throw new Error('--runs takes a whole number from 1.')
  const chosen = BENCHES.filter(({ name }) => positionals.length === 0 || positionals.some((asked) => name.startsWith(asked)))

  const machine = describeMachine()
  let opening: Promise<Site> | undefined
  const site = (): Promise<Site> => (opening ??= openSite({ pages: PAGES }))
  const results: Result[] = []
  try {
    for (const bench of chosen) results.push(...(await bench.run({ runs, site, log: (line) => console.error(line) })))
    const browser = opening === undefined ? undefined : (await opening).browserVersion
    console.log(report(results))
    console.log(`\n${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, load ${machine.load} at the start`)
    if (values.json !== undefined) {
      const json = results.map((result) => ({ ...result, passed: passes(result) }))
      writeFileSync(values.json, `${JSON.stringify({ machine, versions: versions(browser), results: json }, undefined, 2)}\n`)
    }
  } finally {
    await (await opening)?.close()
  }
  if (results.some((result) => passes(result) === false)) process.exitCode = 1
}

function report(results: readonly Result[]): string {
  const verdict = (result: Result): string => ({ true: 'pass', false: 'MISSED', undefined: '' })[`${passes(result)}`]
  return table(
    ['benchmark', 'metric', 'unit', 'ours', 'peer', 'ratio', 'bar', '', 'runs', 'peer is'],
    results.map((result) => [
      result.name,
      result.metric,
      result.unit,
      figure(result.ours),
      figure(result.peer),
      figure(result.ratio),
      barText(result.bar),
      verdict(result),
      String(result.runs),
      [result.peerName, result.note].filter((text) => text !== undefined).join('; '),
    ]),
  )
}

await main()
