import type { Bench } from '../contract.ts'
import type { SettleFigures, SettleOptions } from '../page/settle.ts'
import { ask } from '../site.ts'
import { median } from '../stats.ts'

const NAME = 'core/route'

export const route: Bench = {
  name: NAME,
  unit: 'ms',
  summary: 'one routing decision from signals: score by a fitted calibrator, threshold resolved from a target, compared',
  async run({ site, runs = 50, log }) {
    log(`${NAME}: ${runs} times 200 decisions …`)
    const page = await (await site()).open('settle')
    const options: SettleOptions = { measure: 'route', runs }
    const { decisions } = await ask<SettleFigures>(page, options)
    await page.close()
    return [
      {
        name: NAME,
        metric: 'from signals',
        unit: 'ms',
        ours: median(decisions),
        runs: decisions.length,
        bar: { of: 'ours', atMost: 0.2 },
        samples: { ours: decisions },
      },
    ]
  },
}
