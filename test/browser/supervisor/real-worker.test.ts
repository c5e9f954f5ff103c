import { expect, test, vi } from 'vitest'

import type { GenerateRequest } from '../../../src/contracts/engine.ts'
import type { LoadProgress } from '../../../src/contracts/models.ts'
import type { Part } from '../../../src/contracts/part.ts'
import { GenerationClient } from '../../../src/engine/generation-client.ts'
import { collect, livingWorkers, textOf } from './scripted.ts'

const REQUEST: GenerateRequest = {
  prompt: { messages: [{ role: 'user', content: 'Write one sentence about the sea.' }] },
  maxTokens: 14,
}

test('the engine worker, killed mid-generation, comes back and ends the answer as if nothing had been', async () => {
  const workers: Worker[] = []
  const engine = new GenerationClient({
    createWorker: () => {
      const worker = new Worker(new URL('../../../workers/engine.worker.ts', import.meta.url), { type: 'module' })
      workers.push(worker)
      return worker
    },
    engine: {
      model: { id: 'HuggingFaceTB/SmolLM2-135M-Instruct', dtype: 'q8' },
      sources: [{ base: '/models', layout: 'folder' }],
      backend: 'wasm',
    },
  })
  try {
    const progress: LoadProgress[] = []
    await engine.load({ onProgress: (step) => progress.push(step) })
    expect(progress.at(-1)?.stage).toBe('ready')

    const whole = await collect(engine.generate(REQUEST))
    const parts: Part[] = []
    for await (const part of engine.generate(REQUEST)) {
      parts.push(part)
      if (workers.length === 1 && textOf(parts).length > 10) workers[0]?.terminate()
    }

    expect(workers).toHaveLength(2)
    expect(textOf(parts)).toBe(textOf(whole))
    expect(tokensOf(parts)).toEqual(tokensOf(whole))
    expect(parts.filter(({ type }) => type === 'start')).toHaveLength(1)
    expect(parts.at(-1)).toEqual(whole.at(-1))
  } finally {
    engine.close()
  }
  await vi.waitFor(async () => expect(await livingWorkers()).toEqual([]), { timeout: 10_000 })
})

function tokensOf(parts: readonly Part[]): number[] {
  return parts.flatMap((part) => (part.type === 'signals' ? part.tokens.map(({ token }) => token) : []))
}
