import { afterAll, beforeAll, expect, test } from 'vitest'

import reference from '../../fixtures/reference/SmolLM2-135M-Instruct.json'
import { ask, LANGUAGE_MODEL, startWorker, type TestWorker } from './worker.ts'

/** SwiftShader takes seconds a token: two cases of four tokens, one of them with a prompt of over 200. */
const TOKENS = 4
const cases = [reference.cases[0], reference.cases.find((each) => each.ids.length > 200)].filter((each) => each !== undefined)

let worker: TestWorker

beforeAll(async () => {
  worker = await startWorker('generate')
  const report = await worker.load({ model: { id: LANGUAGE_MODEL }, backend: 'webgpu' })
  expect(report).toMatchObject({ dtype: 'q4', backend: 'webgpu' })
})

afterAll(() => worker.stop())

test.each(cases)('q4 on WebGPU says what the reference says: $prompt', async ({ prompt, out }) => {
  const started = performance.now()
  const answer = await ask(worker, { prompt: { messages: [{ role: 'user', content: prompt }] }, maxTokens: TOKENS })
  expect(answer.signals.map((signals) => signals.token)).toEqual(out.slice(0, TOKENS))
})
