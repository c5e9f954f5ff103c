import { createRuntime } from 'transaxle'

import reference from '../../test/fixtures/reference/SmolLM2-135M-Instruct.json'
import type { BareAnswer, BareGenerate, BareLoad } from './bare.worker.ts'
import { freeText } from './free-text.ts'
import { engineWorker, GENERATOR } from './models.ts'
import { serve } from './serve.ts'

export interface DecodeOptions {
  readonly threads: number
  readonly runs: number
  readonly tokens: number
}

export interface DecodeFigures {
  /** Tokens per second of each run, and of the bare loop's run beside it. */
  readonly ours: readonly number[]
  readonly bare: readonly number[]
  readonly tokens: number
  /** Whether both gave the same token ids in every run. */
  readonly equal: boolean
}

/** The end of a turn, in the bundled model. */
const END_OF_TURN = 2

const bareWorker = new Worker(new URL('./bare.worker.ts', import.meta.url), { type: 'module' })

function bare<T>(request: BareLoad | BareGenerate): Promise<T> {
  const { port1, port2 } = new MessageChannel()
  return new Promise((resolve, reject) => {
    port1.addEventListener('message', ({ data }: MessageEvent<{ ok: true; value: T } | { ok: false; message: string }>) => {
      port1.close()
      if (data.ok) resolve(data.value)
      else reject(new Error(data.message))
    })
    port1.start()
    bareWorker.postMessage(request, [port2])
  })
}

serve(async ({ threads, runs, tokens }: DecodeOptions): Promise<DecodeFigures> => {
  const found = reference.cases.find(({ prompt }) => prompt.startsWith('Write a short email'))
  if (found === undefined) throw new Error('The reference answers lack the prompt that is measured.')
  const { prompt, ids } = found

  let made: number[] = []
  let first = 0
  let last = 0
  const task = freeText((part) => {
    if (part.type !== 'signals') return
    last = performance.now()
    if (made.length === 0) first = last
    made.push(...part.tokens.map(({ token }) => token))
  })
  const runtime = await createRuntime({
    worker: engineWorker,
    models: { generator: GENERATOR },
    threshold: 1,
    backend: 'wasm',
    threads,
    store: 'bench-decode',
  })
  await runtime.load()
  await bare({ type: 'load', threads })

  const runOurs = async (): Promise<{ tokens: readonly number[]; decoding: number }> => {
    made = []
    const outcome = await runtime.run(task, { messages: [{ role: 'user', content: prompt }], maxTokens: tokens })
    if (outcome.settled !== 'device') throw new Error(outcome.reason.text)
    await outcome.done
    return { tokens: made, decoding: last - first }
  }
  const runBare = (): Promise<BareAnswer> =>
    bare<BareAnswer>({ type: 'generate', prompt: ids, maxTokens: tokens, stop: END_OF_TURN })

  const figures = { ours: [] as number[], bare: [] as number[], tokens: 0, equal: true }
  await runOurs()
  await runBare()
  for (let run = 0; run < runs; run += 1) {
    // Who goes first alternates, so that neither always has the cooler machine.
    const theirsFirst = run % 2 === 1
    const before = theirsFirst ? await runBare() : undefined
    const ours = await runOurs()
    const theirs = before ?? (await runBare())
    figures.ours.push(perSecond(ours))
    figures.bare.push(perSecond(theirs))
    figures.tokens = ours.tokens.length
    figures.equal &&= ours.tokens.join() === theirs.tokens.join()
  }
  await runtime.close()
  return figures
})

/** The first token is the prompt's: its time is no time of decoding. */
function perSecond({ tokens, decoding }: { readonly tokens: readonly number[]; readonly decoding: number }): number {
  return ((tokens.length - 1) * 1000) / decoding
}
