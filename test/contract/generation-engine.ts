import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { CallOptions, GenerateRequest, GenerationEngine, Prompt } from '../../src/contracts/engine.ts'
import type { LoadReport } from '../../src/contracts/models.ts'
import type { Part } from '../../src/contracts/part.ts'

export interface GenerationSubject {
  readonly engine: GenerationEngine
  close(): void
}

/** What may be skipped, for a reason. */
export type GenerationSkips = Readonly<Partial<Record<'context-overflow' | 'not-loaded', string>>>

const PROMPT: Prompt = { messages: [{ role: 'user', content: 'Name three colours.' }] }
const REQUEST: GenerateRequest = { prompt: PROMPT, maxTokens: 12 }

/** What every `GenerationEngine` keeps to. `make` gives one that is not loaded, and that says at least four words to a question. */
export function describeGenerationEngine(name: string, make: () => GenerationSubject, skip: GenerationSkips = {}): void {
  describe(name, () => {
    let subject: GenerationSubject
    let engine: GenerationEngine
    let report: LoadReport
    const stages: string[] = []
    beforeAll(async () => {
      subject = make()
      engine = subject.engine
      report = await engine.load({ onProgress: ({ stage }) => stages.push(stage) })
    })
    afterAll(() => subject.close())

    async function run(request: Partial<GenerateRequest> = {}, options?: CallOptions): Promise<Part[]> {
      const parts: Part[] = []
      for await (const part of engine.generate({ ...REQUEST, ...request }, options)) parts.push(part)
      return parts
    }

    test('load says what it took, and why', () => {
      expect(report.model).toMatch(/^[^/]+\/[^/]+$/)
      expect(report.reason).not.toBe('')
      expect(report.contextLength).toBeGreaterThan(0)
      expect(stages.at(-1)).toBe('ready')
    })

    test('an answer is start, parts, finish: in order, once, from one source', async () => {
      const parts = await run()
      const types = parts.map(({ type }) => type)
      expect(types[0]).toBe('start')
      expect(types.at(-1)).toBe('finish')
      expect(types.filter((type) => type === 'start' || type === 'finish' || type === 'error')).toHaveLength(2)
      for (const part of parts) expect(part.source).toEqual({ where: 'device', model: expect.stringContaining(report.model) })
      expect(textOf(parts)).not.toBe('')
    })

    test('maxTokens is kept, and said', async () => {
      const finish = finishOf(await run({ maxTokens: 2 }))
      expect(finish.reason).toBe('length')
      expect(finish.usage.completionTokens).toBe(2)
      expect(finish.usage.promptTokens).toBe(await engine.countTokens(PROMPT))
    })

    test('greedy decoding is repeatable', async () => {
      expect(textOf(await run())).toBe(textOf(await run()))
    })

    test('the answer ends before a stop string', async () => {
      const whole = textOf(await run())
      const stop = whole.trim().split(/\s+/)[2] ?? ''
      expect(stop).not.toBe('')
      const parts = await run({ stop: ['never said', stop] })
      expect(textOf(parts)).toBe(whole.slice(0, whole.indexOf(stop)))
      expect(finishOf(parts).reason).toBe('stop-string')
    })

    test('signals come from every token, and their condensed form agrees', async () => {
      const parts = await run()
      const tokens = parts.flatMap((part) => (part.type === 'signals' ? part.tokens : []))
      const { signals } = finishOf(parts)
      if (!engine.capabilities.signals) {
        expect(tokens).toEqual([])
        expect(signals).toBeUndefined()
        return
      }
      expect(signals?.tokens).toBe(tokens.length)
      expect(tokens.length).toBeGreaterThanOrEqual(finishOf(parts).usage.completionTokens)
      for (const { logprob, entropy, margin } of tokens) {
        expect(logprob).toBeLessThanOrEqual(0)
        expect(entropy).toBeGreaterThanOrEqual(0)
        expect(margin).toBeGreaterThanOrEqual(0)
      }
      expect(signals?.minLogprob).toBeCloseTo(Math.min(...tokens.map(({ logprob }) => logprob)), 5)
      expect(signals?.meanLogprob).toBeCloseTo(tokens.reduce((sum, { logprob }) => sum + logprob, 0) / tokens.length, 5)
      expect(signals?.maxEntropy).toBeCloseTo(Math.max(...tokens.map(({ entropy }) => entropy)), 5)
    })

    test('score: one for each candidate, in order, whatever company it is in', async () => {
      const candidates = [' red', ' the speed of light']
      const scores = await engine.score(PROMPT, candidates)
      expect(scores).toHaveLength(2)
      for (const { logprob, tokens } of scores) {
        expect(logprob).toBeLessThanOrEqual(0)
        expect(tokens).toBeGreaterThanOrEqual(1)
      }
      const [last] = await engine.score(PROMPT, candidates.slice(1))
      expect(last?.tokens).toBe(scores[1]?.tokens)
      expect(last?.logprob).toBeCloseTo(scores[1]?.logprob ?? NaN, 1)
      expect(await engine.score(PROMPT, [])).toEqual([])
    })

    test('countTokens grows with the prompt', async () => {
      const short = await engine.countTokens({ text: 'one two' })
      expect(short).toBeGreaterThan(0)
      expect(await engine.countTokens({ text: 'one two three four five' })).toBeGreaterThan(short)
    })

    test('an abort is thrown, before and between parts, and the engine goes on', async () => {
      await expect(run({}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError', code: 'aborted' })
      await expect(engine.score(PROMPT, ['a'], { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
      const caller = new AbortController()
      const seen: Part[] = []
      const aborted = (async () => {
        for await (const part of engine.generate({ ...REQUEST, maxTokens: 64 }, { signal: caller.signal })) {
          seen.push(part)
          if (part.type === 'delta') caller.abort()
        }
      })()
      await expect(aborted).rejects.toMatchObject({ name: 'AbortError' })
      expect(seen.map(({ type }) => type)).not.toContain('finish')
      expect(finishOf(await run({ maxTokens: 2 })).usage.completionTokens).toBe(2)
    })

    test('leaving the loop stops the engine, which goes on with the next', async () => {
      for await (const part of engine.generate({ ...REQUEST, maxTokens: 64 })) {
        if (part.type === 'delta') break
      }
      expect(finishOf(await run({ maxTokens: 2 })).usage.completionTokens).toBe(2)
    })

    test('a prompt that does not fit is an error part', async ({ skip: leave }) => {
      leave(skip['context-overflow'] !== undefined, skip['context-overflow'])
      const parts = await run({ prompt: { text: 'word '.repeat(report.contextLength + 1) } })
      expect(parts.at(-1)).toMatchObject({ type: 'error', error: { code: 'context-overflow', retryable: false } })
      expect(textOf(parts)).toBe('')
    })

    test('after unload it is not loaded, and can be loaded again', async ({ skip: leave }) => {
      leave(skip['not-loaded'] !== undefined, skip['not-loaded'])
      await engine.unload()
      expect((await run()).at(-1)).toMatchObject({ type: 'error', error: { code: 'not-loaded' } })
      await expect(engine.score(PROMPT, ['a'])).rejects.toMatchObject({ code: 'not-loaded' })
      await engine.load()
      expect(finishOf(await run({ maxTokens: 2 })).usage.completionTokens).toBe(2)
    })
  })
}

function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (part.type === 'delta' ? part.text : '')).join('')
}

function finishOf(parts: readonly Part[]): Extract<Part, { type: 'finish' }> {
  const last = parts.at(-1)
  if (last?.type !== 'finish') throw new Error(`Expected a finish part, got ${JSON.stringify(last)}.`)
  return last
}
