import { afterAll, beforeAll, expect, test } from 'vitest'

import reference from '../../fixtures/reference/SmolLM2-135M-Instruct.json'
import { ask, LANGUAGE_MODEL, startWorker, type TestWorker } from './worker.ts'

/** SwiftShader takes seconds a token: two cases of four tokens, one of them with a prompt of over 200. */
const TOKENS = 4
const cases = [reference.cases[0], reference.cases.find((each) => each.ids.length > 200)].filter((each) => each !== undefined)

/** Of a test, and of loading: two self-check prompts of 40 tokens. On a busy machine SwiftShader runs one token a second. */
const PATIENCE = 900_000

let worker: TestWorker

beforeAll(async () => {
  worker = await startWorker('generate')
  const report = await worker.load({ model: { id: LANGUAGE_MODEL }, backend: 'webgpu' })
  expect(report).toMatchObject({ dtype: 'q4', backend: 'webgpu' })
}, PATIENCE)

afterAll(() => worker.stop())

test.each(cases)(
  'q4 on WebGPU says what the reference says: $prompt',
  async ({ prompt, out }) => {
    const answer = await ask(worker, { prompt: { messages: [{ role: 'user', content: prompt }] }, maxTokens: TOKENS })
    expect(answer.signals.map((signals) => signals.token)).toEqual(out.slice(0, TOKENS))
  },
  PATIENCE,
)
