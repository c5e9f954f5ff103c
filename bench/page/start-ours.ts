import { createRuntime } from 'transaxle'

import { freeText } from './free-text.ts'
import { engineWorker, GENERATOR } from './models.ts'
import { serve } from './serve.ts'
import { START_MESSAGES, START_THREADS, START_TOKENS, type StartFigures } from './start.ts'

async function start(): Promise<StartFigures> {
  const script = performance.now()
  const runtime = await createRuntime({
    worker: engineWorker,
    models: { generator: GENERATOR },
    threshold: 1,
    backend: 'wasm',
    threads: START_THREADS,
  })
  let loaded = 0
  runtime.on('loaded', () => {
    loaded = performance.now()
  })
  let firstToken = 0
  let text = ''
  for await (const part of runtime.stream(freeText(), { messages: START_MESSAGES, maxTokens: START_TOKENS })) {
    if (part.type === 'error') throw new Error(part.error.message)
    if (part.type !== 'delta') continue
    if (firstToken === 0) firstToken = performance.now()
    text += part.text
  }
  return { script, loaded, firstToken, text }
}

const started = start()
serve(() => started)
