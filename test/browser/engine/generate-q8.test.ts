import { afterAll, beforeAll, expect, test } from 'vitest'

import { ask, LANGUAGE_MODEL, startWorker, type TestWorker } from './worker.ts'

let worker: TestWorker

beforeAll(async () => {
  worker = await startWorker('generate')
  const report = await worker.load({ model: { id: LANGUAGE_MODEL } })
  console.log(JSON.stringify(report))
  expect(report).toMatchObject({ dtype: 'q8', backend: 'wasm', threads: 2, contextLength: 8192 })
})

afterAll(() => worker.stop())

test('int8 answers sensibly', async () => {
  const started = performance.now()
  const answer = await ask(worker, {
    prompt: { messages: [{ role: 'user', content: 'What is the capital of France?' }] },
    maxTokens: 32,
  })
  console.log(answer.text, answer.batches, answer.finish, performance.now() - started)
  expect(answer.text).toMatch(/bicycle|wheel/i)
  expect(answer.parts[0]).toMatchObject({ type: 'start', source: { where: 'device', model: `${LANGUAGE_MODEL} q8` } })
})
