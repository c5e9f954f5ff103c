import { createRuntime, type CalibratorFile, type Outcome, type RunOptions, type Task } from 'transaxle'

import { parseInbox, textOf } from '../../demo/inbox.ts'
import { createScorer } from '../../src/confidence/scorer.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { freeText, type FreeText } from './free-text.ts'
import { ENCODER, GENERATOR } from './models.ts'
import { serve } from './serve.ts'
import { triageTask } from './triage.ts'

export interface SettleOptions {
  readonly measure: 'overhead' | 'route'
  readonly runs: number
}

export interface SettleFigures {
  /** Milliseconds of a whole request, and of it those that the engine computed, for each kind of request. */
  readonly requests: Readonly<Record<string, { readonly total: readonly number[]; readonly engine: readonly number[] }>>
  /** Milliseconds for one decision. */
  readonly decisions: readonly number[]
}

const DECISIONS_AT_ONCE = 200

/** Engine time of the requests so far. Comes over a channel of its own, so a little later than the answer. */
let engine = 0
new BroadcastChannel('bench-engine').addEventListener('message', ({ data }: MessageEvent<number>) => {
  engine += data
})
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 25))

serve(async ({ measure, runs }: SettleOptions): Promise<SettleFigures> => {
  const inbox = parseInbox(await (await fetch('/data/inbox.json')).json())
  const runtime = await createRuntime({
    worker: () => new Worker(new URL('./timed.worker.ts', import.meta.url), { type: 'module' }),
    models: measure === 'route' ? { encoder: ENCODER } : { encoder: ENCODER, generator: GENERATOR },
    threshold: 1,
    backend: 'wasm',
    store: 'bench-settle',
  })
  await runtime.load()
  const triage = triageTask(inbox)
  const others = inbox.messages.filter(({ split }) => split !== 'train')

  // A calibrator from the messages' own labels, so that a score is there to be judged.
  for (const message of others) {
    const outcome = await runtime.run(triage, { text: textOf(message) }, { cache: false })
    await outcome.done
    await runtime.label(outcome, outcome.value?.label === message.reference.intent)
  }
  const fits = await runtime.calibrators.fit()
  if (!fits.some(({ fitted }) => fitted)) throw new Error(`No calibrator could be fitted: ${JSON.stringify(fits)}`)

  try {
    if (measure === 'route') return { requests: {}, decisions: await decide(await runtime.calibrators.exportCalibrators(), runs) }
    const time = async <I, O>(task: Task<I, O>, input: I, options: RunOptions = {}): Promise<readonly [number, number]> => {
      const before = engine
      const start = performance.now()
      const outcome: Outcome<O> = await runtime.run(task, input, options)
      const total = performance.now() - start
      if (outcome.settled !== 'device') throw new Error(`Settled as ${outcome.settled}: ${outcome.reason.text}`)
      await outcome.done
      await settled()
      return [total, engine - before]
    }
    const requests: Record<string, { total: number[]; engine: number[] }> = {}
    const add = (kind: string, [total, inEngine]: readonly [number, number]): void => {
      const figures = (requests[kind] ??= { total: [], engine: [] })
      figures.total.push(total)
      figures.engine.push(inEngine)
    }
    const write = freeText()
    const writing = (content: string): FreeText => ({ messages: [{ role: 'user', content }], maxTokens: 8 })
    // The first requests meet code that is not compiled yet.
    for (const text of ['Say hello.', 'Say goodbye.', 'Say nothing.']) await time(write, writing(text))
    for (let run = 0; run < runs; run += 1) {
      // Texts of their own, so that none is answered from the cache, which is looked up all the same.
      const text = `${textOf(others[run % others.length] ?? { subject: '', body: '' })} (${run})`
      add('classified by the encoder', await time(triage, { text }))
      if (run % 6 === 0) add('8 tokens by the language model', await time(write, writing(`What is ${run} + 1?`)))
    }
    return { requests, decisions: [] }
  } finally {
    await runtime.close()
  }
})

/** Signals in, score and threshold out, as the pipeline's `score` stage does it. */
async function decide({ calibrators }: CalibratorFile, runs: number): Promise<readonly number[]> {
  const [entry] = Object.entries(calibrators)
  if (entry === undefined) throw new Error('There is no calibrator.')
  const [key, data] = entry
  const scorer = createScorer({ store: createMemoryStore(), threshold: { maxError: 0.2 }, now: () => Date.now() })
  await scorer.importCalibrators({ version: 1, calibrators: { [key]: data } })
  const names = data.kind === 'platt' ? data.signals : [data.signal]
  const signals = (i: number): Record<string, number> => Object.fromEntries(names.map((name, j) => [name, Math.sin(i + j)]))
  const inputs = Array.from({ length: DECISIONS_AT_ONCE }, (_, i) => signals(i))
  const times: number[] = []
  let kept = 0
  for (let run = 0; run < runs; run += 1) {
    const start = performance.now()
    for (const input of inputs) {
      const score = await scorer.score(key, input)
      if (score.known && score.value <= score.threshold.value) kept += 1
    }
    times.push((performance.now() - start) / inputs.length)
  }
  if (kept > runs * inputs.length) throw new Error('More was kept than there was.')
  return times
}
