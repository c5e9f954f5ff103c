/** A conversation on the real language model: streamed while it is made, remembered by its thread, and nothing sent. */
import { afterAll, beforeAll, expect, test } from 'vitest'

import { chat, createRuntime, isTransaxleError, type Runtime, type StreamPart } from 'transaxle'

const THREAD = 'bicycles'
const talk = chat({
  name: 'talk',
  version: 1,
  instructions: 'Answer in one short sentence.',
  maxTokens: 12,
  whenUnreachable: ['keep', 'refuse'],
})
let runtime: Runtime

beforeAll(async () => {
  runtime = await createRuntime({
    worker: () => new Worker(new URL('../../../workers/engine.worker.ts', import.meta.url), { type: 'module' }),
    models: { generator: 'HuggingFaceTB/SmolLM2-135M-Instruct' },
    backend: 'wasm',
    threshold: 0.5,
    store: `chat-${crypto.randomUUID()}`,
  })
  const [report] = await runtime.load()
  expect(report).toMatchObject({ dtype: 'q8', backend: 'wasm' })
})

afterAll(() => runtime.close())

async function ask(message: string): Promise<readonly StreamPart<{ readonly text: string }>[]> {
  const parts: StreamPart<{ readonly text: string }>[] = []
  for await (const part of runtime.stream(talk, { message }, { thread: THREAD, privacy: 'device' })) parts.push(part)
  return parts
}

const textOf = (parts: readonly StreamPart<unknown>[]): string =>
  parts.map((part) => (part.type === 'delta' ? part.text : '')).join('')

test('an answer streams as it is made, and the thread remembers both turns', async () => {
  const parts = await ask('What is the capital of France?')
  expect(parts[0]).toMatchObject({ type: 'start', source: { where: 'device' } })
  expect(parts.filter(({ type }) => type === 'delta').length).toBeGreaterThan(1)
  const last = parts.at(-1)
  if (last?.type !== 'finish') throw new Error(`ended in ${last?.type}`)
  expect(last.outcome).toMatchObject({ settled: 'device', cost: { bytesSent: 0 } })
  expect(last.outcome.value?.text).toBe(textOf(parts).trim())
  expect(await last.outcome.done).toEqual([])
  expect(await runtime.threads.messages(THREAD)).toMatchObject([
    { role: 'user', content: 'What is the capital of France?', sequence: 0 },
    { role: 'assistant', content: last.outcome.value?.text, sequence: 1, source: { where: 'device' } },
  ])
})

test('the next turn reads the thread: the same question gets another answer than without it', async () => {
  const withThread = textOf(await ask('And of which continent is it a part?'))
  const alone = await runtime.run(talk, { message: 'And of which continent is it a part?' }, { privacy: 'device' })
  expect(withThread).not.toBe('')
  expect(alone.value?.text).not.toBe(withThread.trim())
})

test('leaving the loop stops the generation; the next request is not held up by it', async () => {
  for await (const part of runtime.stream(talk, { message: 'Count to one hundred.' }, { privacy: 'device' })) {
    if (part.type === 'delta') break
  }
  expect(await runtime.run(talk, { message: 'Say yes.' }, { privacy: 'device' })).toMatchObject({ settled: 'device' })
})

test("the caller's abort rejects with AbortError", async () => {
  const controller = new AbortController()
  const running = runtime.run(talk, { message: 'Tell me a long story.' }, { privacy: 'device', signal: controller.signal })
  setTimeout(() => controller.abort(), 50)
  const error: unknown = await running.catch((reason: unknown) => reason)
  expect(isTransaxleError(error) && error.code).toBe('aborted')
})
