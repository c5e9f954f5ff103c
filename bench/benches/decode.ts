import type { Bench, Result } from '../contract.ts'
import type { DecodeFigures, DecodeOptions } from '../page/decode.ts'
import { ask } from '../site.ts'
import { median, pairedRatio } from '../stats.ts'

const NAME = 'core/decode'

/** The runtime's generator, through `runtime.run` and its worker, against a bare loop in a worker of its own, in one page. */
export const decode: Bench = {
  name: NAME,
  unit: 'tokens/s',
  summary: 'greedy decoding against a bare onnxruntime-web loop: same weights, threads and page, runs interleaved, same token ids',
  async run({ site, runs = 7, log }) {
    const results: Result[] = []
    for (const threads of [1, 2]) {
      log(`${NAME}: ${threads} threads, ${runs} pairs of runs …`)
      const page = await (await site()).open('decode')
      const options: DecodeOptions = { threads, runs, tokens: 64 }
      const { ours, bare, tokens, equal } = await ask<DecodeFigures>(page, options)
      await page.close()
      if (!equal) throw new Error(`${NAME}: the runtime and the bare loop did not give the same tokens.`)
      results.push({
        name: NAME,
        metric: `${threads} ${threads === 1 ? 'thread' : 'threads'}`,
        unit: 'tokens/s',
        ours: median(ours),
        peer: median(bare),
        peerName: 'bare onnxruntime-web loop',
        ratio: pairedRatio(ours, bare),
        runs,
        bar: { of: 'ratio', atLeast: 0.98 },
        samples: { ours, peer: bare },
        note: `${tokens} tokens, equal in both`,
      })
    }
    return results
  },
}
