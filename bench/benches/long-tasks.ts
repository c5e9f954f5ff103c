import type { Bench } from '../contract.ts'
import type { LongTaskFigures } from '../page/long-tasks.ts'
import { ask } from '../site.ts'

const NAME = 'core/long-tasks'

export const longTasks: Bench = {
  name: NAME,
  unit: 'tasks',
  summary: 'main-thread tasks over 50 ms while both models load, the head is fitted and the language model decodes',
  async run({ site, runs = 3, log }) {
    const counts: number[] = []
    const found: string[] = []
    for (let run = 0; run < runs; run += 1) {
      log(`${NAME}: run ${run + 1} of ${runs} …`)
      const profile = await (await site()).profile()
      try {
        const { tasks } = await ask<LongTaskFigures>(await profile.open('long-tasks'), { tokens: 64 })
        counts.push(tasks.length)
        found.push(...tasks.map(({ milliseconds, during }) => `${Math.round(milliseconds)} ms in ${during}`))
      } finally {
        await profile.close()
      }
    }
    return [
      {
        name: NAME,
        metric: 'most in a run',
        unit: 'tasks',
        ours: Math.max(...counts),
        runs,
        bar: { of: 'ours', atMost: 0 },
        samples: { ours: counts },
        note: found.length === 0 ? undefined : found.join(', '),
      },
    ]
  },
}
