import type { Bench } from '../contract.ts'
import type { SettleFigures, SettleOptions } from '../page/settle.ts'
import { ask } from '../site.ts'
import { median } from '../stats.ts'

const NAME = 'core/settle-overhead'

/** Of each request, what was not the engine's: task, cache, gates, the way to the worker and back, checks, score, outcome. */
export const settleOverhead: Bench = {
  name: NAME,
  unit: 'ms',
  summary: "the runtime's own ms for one settled request: the whole of runtime.run less what its engine computed in the worker",
  async run({ site, runs = 60, log }) {
    log(`${NAME}: ${runs} requests …`)
    const page = await (await site()).open('settle')
    const options: SettleOptions = { measure: 'overhead', runs }
    const { requests } = await ask<SettleFigures>(page, options)
    await page.close()
    return Object.entries(requests).map(([metric, { total, engine }]) => {
      const own = total.map((milliseconds, i) => milliseconds - (engine[i] ?? 0))
      return {
        name: NAME,
        metric,
        unit: 'ms',
        ours: median(own),
        runs: own.length,
        bar: { of: 'ours', atMost: 3 },
        samples: { ours: own },
        note: `of ${median(total).toFixed(1)} ms in all`,
      }
    })
  },
}
