import { proxy } from 'comlink'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { LoadProgress } from '../../../src/contracts/models.ts'
import type { Part } from '../../../src/contracts/part.ts'
import { ask, LANGUAGE_MODEL, startWorker, type TestWorker, unwrap } from './worker.ts'

const chat = (content: string): { readonly messages: readonly [{ readonly role: 'user'; readonly content: string }] } => ({
  messages: [{ role: 'user', content }],
})

let worker: TestWorker
const progress: LoadProgress[] = []

beforeAll(async () => {
  worker = await startWorker('generate')
  const report = await worker.load({ model: { id: LANGUAGE_MODEL }, backend: 'auto' }, (each) => progress.push(each))
  expect(report).toMatchObject({ dtype: 'q8', backend: 'wasm', threads: 2, contextLength: 8192 })
  expect(report.reason).toContain('software')
})

afterAll(() => worker.stop())

test('loading shows its progress in bytes', () => {
  const last = progress.at(-1)
  expect(last?.stage).toBe('ready')
  expect(last?.loaded).toBe(last?.total)
  expect(last?.total).toBeGreaterThan(138_000_000)
  const loaded = progress.map((each) => each.loaded)
  expect(loaded).toEqual(loaded.toSorted((a, b) => a - b))
  expect(progress.length).toBeGreaterThan(20)
})

test('int8 answers sensibly', async () => {
  const answer = await ask(worker, { prompt: chat('Explain what a bicycle is in two sentences.'), maxTokens: 24 })
  expect(answer.text).toMatch(/bicycle.*vehicle/i)
  expect(answer.parts[0]).toMatchObject({ type: 'start', source: { where: 'device', model: `${LANGUAGE_MODEL} q8` } })
  expect(answer.finish.signals?.tokens).toBe(answer.finish.usage.completionTokens)
})

test('the same request gives the same signals, from a kept cache or from nothing', async () => {
  const examples = 'Order 1: late. Order 2: broken. Order 3: wrong size. '.repeat(5)
  const request = { prompt: chat(`${examples}Order 4: where is it?`), maxTokens: 4 }
  const cold = await ask(worker, request)
  await ask(worker, { prompt: chat(`${examples}Order 5: I want my money back.`), maxTokens: 2 })
  const warm = await ask(worker, request)
  expect(warm.text).toBe(cold.text)
  expect(warm.signals).toEqual(cold.signals)
})

describe('signals', () => {
  test('do not change when temperature, top-k and the penalty do', async () => {
    const prompt = chat('Name a colour.')
    const greedy = await ask(worker, { prompt, maxTokens: 1 })
    const hot = await ask(worker, { prompt, maxTokens: 1, sampling: { temperature: 2, topK: 40, repetitionPenalty: 1.5, seed: 3 } })
    expect(hot.signals[0]?.entropy).toBe(greedy.signals[0]?.entropy)
    expect(hot.signals[0]?.margin).toBe(greedy.signals[0]?.margin)
  })

  test('a seed repeats a sampled answer', async () => {
    const request = { prompt: chat('Give me a name for a cat.'), maxTokens: 8, sampling: { temperature: 1, topP: 0.9, seed: 11 } }
    expect((await ask(worker, request)).text).toBe((await ask(worker, request)).text)
  })
})

describe('score', () => {
  test('equals the log-probabilities of generating the same tokens', async () => {
    const prompt = chat('What is 12 + 30?')
    const answer = await ask(worker, { prompt, maxTokens: 5 })
    const sum = answer.signals.reduce((total, each) => total + each.logprob, 0)
    const [score] = unwrap(await worker.api.score('score', prompt, [answer.text]))
    expect(score?.tokens).toBe(5)
    expect(score?.logprob).toBeCloseTo(sum, 1)
  })

  test('orders plain from absurd', async () => {
    const prompt = { text: 'The capital of France is' }
    const scores = unwrap(await worker.api.score('score', prompt, [' Paris', ' banana', ' Paris, the city']))
    expect(scores[0]?.logprob).toBeGreaterThan((scores[1]?.logprob ?? 0) + 3)
    expect(scores[2]?.logprob).toBeLessThan(scores[0]?.logprob ?? 0)
  })
})

test('a cancel stops within a token', async () => {
  const parts: Part[] = []
  let atCancel = -1
  const tokens = (): number => parts.reduce((sum, part) => sum + (part.type === 'signals' ? part.tokens.length : 0), 0)
  const result = await worker.api.generate(
    'long',
    { prompt: chat('Write a long story about a dog.'), maxTokens: 200 },
    proxy((batch) => {
      parts.push(...batch)
      if (atCancel < 0 && tokens() >= 3) {
        atCancel = tokens()
        void worker.api.cancel('long')
      }
    }),
  )
  expect(result).toMatchObject({ ok: false, error: { code: 'aborted' } })
  // one token may be under way when the cancel arrives
  expect(tokens()).toBeLessThanOrEqual(atCancel + 1)
})

test('stop strings end the answer before themselves', async () => {
  const free = await ask(worker, { prompt: chat('List three tips for sleeping better.'), maxTokens: 16 })
  const stop = free.text.slice(12, 20)
  const stopped = await ask(worker, { prompt: chat('List three tips for sleeping better.'), maxTokens: 16, stop: [stop] })
  expect(stopped.finish.reason).toBe('stop-string')
  expect(stopped.text).toBe(free.text.slice(0, free.text.indexOf(stop)))
})

test('what does not fit is refused with the numbers', async () => {
  const error: unknown = await ask(worker, { prompt: chat('word '.repeat(8200)), maxTokens: 5 }).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'context-overflow', details: { contextLength: 8192 } })
})

test('tokens are counted with the chat template', async () => {
  expect(unwrap(await worker.api.countTokens('count', chat('What is the capital of France?')))).toBe(37)
})

test('the worker holds its lock', async () => {
  const { held = [] } = await navigator.locks.query()
  expect(held.map((lock) => lock.name)).toContain(worker.lock)
})

test('a second worker starts without a byte from the network', async () => {
  const second = await startWorker('generate')
  try {
    const report = await second.load({ model: { id: LANGUAGE_MODEL } })
    expect(report.bytesFromNetwork).toBe(0)
    expect(report.bytesFromCache).toBeGreaterThan(138_000_000)
  } finally {
    second.stop()
  }
})

test('a model that is nowhere is a typed error', async () => {
  const second = await startWorker('generate')
  try {
    await expect(second.load({ model: { id: 'nobody/nothing' } })).rejects.toMatchObject({ code: 'model-not-found' })
    await expect(ask(second, { prompt: chat('x'), maxTokens: 1 })).rejects.toMatchObject({ code: 'not-loaded' })
  } finally {
    second.stop()
  }
})
