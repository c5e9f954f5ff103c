import { describe, expect, test } from 'vitest'

import type { GenerateRequest } from '../../../src/contracts/engine.ts'
import type { Part } from '../../../src/contracts/part.ts'
import { generate, type Loop } from '../../../workers/backends/generate-loop.ts'
import { PrefixCache } from '../../../workers/backends/prefix-cache.ts'
import { scoreCandidates, splitAtBorder } from '../../../workers/backends/score-candidates.ts'
import { selfCheck } from '../../../workers/backends/self-check.ts'
import { byteTokenizer, type FakeCache, FakeDecoder, logitsFor } from './fakes.ts'

const VOCABULARY = 260
const END = 256
const source = { where: 'device', model: 'fake' } as const
const never = new AbortController().signal

/** Says `text` after any prompt of `promptLength` tokens, then ends its turn. */
function saying(text: string, promptLength: number): FakeDecoder {
  const answer = [...byteTokenizer.encode(text), END]
  return new FakeDecoder(VOCABULARY, (tokens) => logitsFor(VOCABULARY, answer[tokens.length - promptLength] ?? END))
}

const BLOCK = 8

/** With a block as on WASM, or without one as on a GPU. */
function loopOf(decoder: FakeDecoder, breathe: () => Promise<void> = () => Promise.resolve(), block?: number): Loop<FakeCache> {
  return {
    decoder,
    tokenizer: byteTokenizer,
    stops: new Set([END]),
    contextLength: 100,
    source,
    breathe,
    prefix: new PrefixCache(decoder, 1000, block),
    prefillChunk: block ?? 1000,
  }
}

async function collect(
  loop: Loop<FakeCache>,
  prompt: string,
  request: Partial<GenerateRequest> = {},
  signal = never,
): Promise<Part[]> {
  const parts: Part[] = []
  await generate(
    loop,
    byteTokenizer.encode(prompt),
    { prompt: { text: prompt }, maxTokens: 50, ...request },
    (part) => parts.push(part),
    signal,
  )
  return parts
}

const textOf = (parts: readonly Part[]): string => parts.map((part) => (part.type === 'delta' ? part.text : '')).join('')

describe('generate', () => {
  test('an answer to its end: text, signals of each token, one finish with its usage', async () => {
    const parts = await collect(loopOf(saying('hé 🎉', 3)), 'abc')
    expect(textOf(parts)).toBe('hé 🎉')
    expect(parts.filter((part) => part.type === 'signals')).toHaveLength(9)
    expect(parts.at(-1)).toMatchObject({
      type: 'finish',
      reason: 'stop',
      usage: { promptTokens: 3, completionTokens: 9 },
      signals: { tokens: 9 },
    })
  })

  test('prefill runs the prompt once, decode one token a step', async () => {
    const decoder = saying('hi', 3)
    await collect(loopOf(decoder), 'abc')
    expect(decoder.runs.map(({ tokens, past }) => [tokens.length, past])).toEqual([
      [3, 0],
      [1, 3],
      [1, 4],
    ])
  })

  test('maxTokens, stop strings over several tokens', async () => {
    expect((await collect(loopOf(saying('hello', 3)), 'abc', { maxTokens: 2 })).at(-1)).toMatchObject({ reason: 'length' })
    const stopped = await collect(loopOf(saying('one\n\ntwo', 3)), 'abc', { stop: ['\n\n'] })
    expect(textOf(stopped)).toBe('one')
    expect(stopped.at(-1)).toMatchObject({ reason: 'stop-string' })
  })

  test('signals do not depend on sampling', async () => {
    const flat = (tokens: readonly number[]): Float32Array =>
      Float32Array.from({ length: VOCABULARY }, (_, i) => Math.sin(i * tokens.length))
    const greedy = await collect(loopOf(new FakeDecoder(VOCABULARY, flat)), 'abc', { maxTokens: 1 })
    const hot = await collect(loopOf(new FakeDecoder(VOCABULARY, flat)), 'abc', {
      maxTokens: 1,
      sampling: { temperature: 3, topK: 5, repetitionPenalty: 2, seed: 1 },
    })
    const [a] = greedy.flatMap((part) => (part.type === 'signals' ? part.tokens : []))
    const [b] = hot.flatMap((part) => (part.type === 'signals' ? part.tokens : []))
    expect(b).toMatchObject({ entropy: a?.entropy, margin: a?.margin })
  })

  test('what does not fit the context is refused before anything is run', async () => {
    const decoder = saying('hi', 3)
    await expect(collect(loopOf(decoder), 'a'.repeat(80))).rejects.toMatchObject({
      code: 'context-overflow',
      details: { promptTokens: 80, maxTokens: 50, contextLength: 100 },
    })
    await expect(collect(loopOf(decoder), '')).rejects.toMatchObject({ code: 'invalid-input' })
    await expect(collect(loopOf(decoder), 'abc', { maxTokens: 0 })).rejects.toMatchObject({ code: 'invalid-option' })
    expect(decoder.runs).toHaveLength(0)
  })

  test('an abort stops before the next token, without a finish part', async () => {
    const controller = new AbortController()
    const decoder = saying('a long answer', 3)
    const loop = loopOf(decoder, () => {
      if (decoder.runs.length === 4) controller.abort()
      return Promise.resolve()
    })
    const parts: Part[] = []
    const run = generate(loop, [1, 2, 3], { prompt: { text: '' }, maxTokens: 50 }, (part) => parts.push(part), controller.signal)
    await expect(run).rejects.toMatchObject({ code: 'aborted' })
    expect(decoder.runs).toHaveLength(4)
    expect(parts.some((part) => part.type === 'finish')).toBe(false)
  })

  test('the next turn runs only what is new, and no cache is lost or used after its end', async () => {
    const decoder = saying('hello', 10)
    const loop = loopOf(decoder)
    await collect(loop, 'abcdefghij')
    decoder.runs.length = 0
    await collect(loop, 'abcdefghijhello and more', { maxTokens: 1 })
    expect(decoder.runs[0]).toMatchObject({ past: 15 })
    expect(textFrom(decoder.runs[0]?.tokens)).toBe(' and more')
    loop.prefix.clear()
    expect(decoder.alive).toBe(0)
  })

  describe('in blocks', () => {
    const prompts = [
      'same instructions: first',
      'same instructions: second',
      'same inst',
      'same instructions: first',
      'other',
      'same ins',
    ]

    test('another message after the same instructions runs only what follows the last shared block', async () => {
      const decoder = saying('', 30)
      const loop = loopOf(decoder, undefined, BLOCK)
      await collect(loop, prompts[0] ?? '', { maxTokens: 1 })
      decoder.runs.length = 0
      await collect(loop, prompts[1] ?? '', { maxTokens: 1 })
      expect(decoder.runs.map(({ tokens, past }) => [textFrom(tokens), past])).toEqual([
        ['s: secon', 16],
        ['d', 24],
      ])
      loop.prefix.clear()
      expect(decoder.alive).toBe(0)
    })

    test('every token is run in a step of the same place and size, whatever was asked before', async () => {
      const warm = saying('answer', 30)
      const loop = loopOf(warm, undefined, BLOCK)
      for (const prompt of prompts) {
        warm.runs.length = 0
        await collect(loop, prompt, { maxTokens: 4 })
        const cold = saying('answer', 30)
        await collect(loopOf(cold, undefined, BLOCK), prompt, { maxTokens: 4 })
        expect(cold.runs.slice(-warm.runs.length)).toEqual(warm.runs)
      }
      loop.prefix.clear()
      expect(warm.alive).toBe(0)
    })

    test('no more tokens are kept than there is room for', async () => {
      const decoder = saying('', 30)
      const loop = { ...loopOf(decoder), prefix: new PrefixCache(decoder, 20, BLOCK), prefillChunk: BLOCK }
      for (const prompt of prompts) await collect(loop, prompt, { maxTokens: 1 })
      const kept = decoder.caches.filter((cache) => !cache.disposed).reduce((sum, cache) => sum + cache.length, 0)
      expect(kept).toBeGreaterThan(0)
      expect(kept).toBeLessThanOrEqual(20)
    })
  })

  test('a cache that cannot be cut is kept for who can use all of it', async () => {
    const decoder = new FakeDecoder(VOCABULARY, () => logitsFor(VOCABULARY, END), false)
    const loop = loopOf(decoder)
    await collect(loop, 'same instructions: first')
    await collect(loop, 'same instructions: second')
    expect(textFrom(decoder.runs[1]?.tokens)).toBe('same instructions: second')
    loop.prefix.clear()
    expect(decoder.alive).toBe(0)
  })
})

function textFrom(tokens: readonly number[] | undefined): string {
  return byteTokenizer.decode(tokens ?? [])
}

describe('score', () => {
  /** p(next) depends on the last token only, so that a candidate's log-probability can be written down. */
  const chain = (tokens: readonly number[]): Float32Array =>
    Float32Array.from({ length: VOCABULARY }, (_, i) => Math.cos(i * (1 + (tokens.at(-1) ?? 0))))
  const logprob = (text: string, prompt: string): number => {
    const tokens = byteTokenizer.encode(prompt + text)
    let sum = 0
    for (let i = byteTokenizer.encode(prompt).length; i < tokens.length; i += 1) {
      const logits = chain(tokens.slice(0, i))
      sum += (logits[tokens[i] ?? 0] ?? 0) - Math.log(logits.reduce((z, value) => z + Math.exp(value), 0))
    }
    return sum
  }

  test('is the sum of log-probabilities, with the prompt run once', async () => {
    const decoder = new FakeDecoder(VOCABULARY, chain)
    const loop = loopOf(decoder)
    const scores = await scoreCandidates(loop, 'label: ', ['yes', 'no', 'é', 'x'], never)
    for (const [i, candidate] of ['yes', 'no', 'é', 'x'].entries())
      expect(scores[i]?.logprob).toBeCloseTo(logprob(candidate, 'label: '), 4)
    expect(scores.map((score) => score.tokens)).toEqual([3, 2, 2, 1])
    expect(decoder.runs.map(({ tokens, past }) => [tokens.length, past])).toEqual([
      [7, 0],
      [2, 7],
      [1, 7],
      [1, 7],
    ])
    loop.prefix.clear()
    expect(decoder.alive).toBe(0)
  })

  test('where a token spans the border, all candidates are cut at the same place', () => {
    expect(
      splitAtBorder(
        [1, 2, 3],
        [
          [1, 2, 3, 4],
          [1, 2, 30, 5],
        ],
      ),
    ).toEqual({
      head: [1, 2],
      tails: [
        [3, 4],
        [30, 5],
      ],
    })
    expect(
      splitAtBorder(
        [1, 2, 3],
        [
          [1, 2, 3, 4],
          [1, 2, 3, 5, 6],
        ],
      ),
    ).toEqual({ head: [1, 2, 3], tails: [[4], [5, 6]] })
  })

  test('an empty candidate is refused', async () => {
    await expect(scoreCandidates(loopOf(new FakeDecoder(VOCABULARY, chain)), 'label: ', [''], never)).rejects.toMatchObject({
      code: 'invalid-input',
    })
  })
})

describe('self-check', () => {
  const surroundings = { breathe: () => Promise.resolve(), signal: never }
  const right = (tokens: readonly number[]): Float32Array =>
    Float32Array.from({ length: VOCABULARY }, (_, i) => 4 * Math.sin(i + tokens.length))

  test('passes where a whole prompt and its steps agree, rounding aside', async () => {
    const noisy = new FakeDecoder(VOCABULARY, (tokens, step) =>
      right(tokens).map((value, i) => value + (step > 31 ? 1e-3 * Math.sin(i) : 0)),
    )
    await selfCheck(noisy, byteTokenizer, surroundings)
    expect(noisy.alive).toBe(0)
  })

  test.each([
    ['other numbers', (value: number, i: number) => value + Math.sin(7 * i)],
    ['not-a-number', () => NaN],
    ['zeros', () => 0],
  ])('catches kernels that give %s for whole prompts', async (_what, wrong) => {
    const broken = new FakeDecoder(VOCABULARY, (tokens, step) => (step > 31 ? right(tokens).map(wrong) : right(tokens)))
    await expect(selfCheck(broken, byteTokenizer, surroundings)).rejects.toMatchObject({ code: 'self-check-failed' })
    expect(broken.alive).toBe(0)
  })
})
