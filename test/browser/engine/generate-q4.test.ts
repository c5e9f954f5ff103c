import { afterAll, beforeAll, expect, test } from 'vitest'

import reference from '../../fixtures/reference/SmolLM2-135M-Instruct.json'
import { ask, LANGUAGE_MODEL, startWorker, type TestWorker } from './worker.ts'

let worker: TestWorker

beforeAll(async () => {
  worker = await startWorker('generate')
  const report = await worker.load({ model: { id: LANGUAGE_MODEL, dtype: 'q4' } })
  expect(report).toMatchObject({ dtype: 'q4', backend: 'wasm', threads: 2 })
})

afterAll(() => worker.stop())

test.each(reference.cases)('q4 on WASM says what the reference says, token for token: $prompt', async ({ prompt, ids, out }) => {
  const answer = await ask(worker, { prompt: { messages: [{ role: 'user', content: prompt }] }, maxTokens: 24 })
  expect(answer.signals.map((signals) => signals.token)).toEqual(out)
  expect(answer.finish.usage).toEqual({ promptTokens: ids.length, completionTokens: out.length })
  expect(answer.finish.reason).toBe(out.at(-1) === 2 ? 'stop' : 'length')
})
