import { describe, expect, test } from 'vitest'

import type { Part } from '../../../src/contracts/part.ts'
import { EngineError } from '../../../src/errors/engine-error.ts'
import { fakeClock, fakeEmbeddingEngine, fakeFrontier, fakeGenerationEngine } from '../../../src/testing/index.ts'

async function collect(parts: AsyncIterable<Part>): Promise<Part[]> {
  const all: Part[] = []
  for await (const part of parts) all.push(part)
  return all
}

const textOf = (parts: readonly Part[]): string => parts.map((part) => (part.type === 'delta' ? part.text : '')).join('')
const PROMPT = { text: 'Hello you' }
const lost = new EngineError('device-lost', 'The GPU went away.', { retryable: true, details: { adapter: 'x' } })

describe('fakeClock', () => {
  test('wakes sleepers in order of time, at their time', async () => {
    const clock = fakeClock(1000)
    const woken: [string, number][] = []
    const sleeper = async (name: string, ...naps: number[]): Promise<void> => {
      for (const nap of naps) {
        await clock.sleep(nap)
        woken.push([name, clock.now()])
      }
    }
    const all = Promise.all([sleeper('late', 30), sleeper('twice', 10, 15), sleeper('never reached', 500)])
    await clock.advance(40)
    expect(woken).toEqual([
      ['twice', 1010],
      ['twice', 1025],
      ['late', 1030],
    ])
    expect(clock.now()).toBe(1040)
    await clock.advance(500)
    await all
  })

  test('an abort ends a sleep', async () => {
    const clock = fakeClock()
    const caller = new AbortController()
    const sleep = clock.sleep(10, caller.signal)
    caller.abort(new Error('enough'))
    await expect(sleep).rejects.toThrow('enough')
    await expect(clock.sleep(10, caller.signal)).rejects.toThrow('enough')
  })
})

describe('fakeGenerationEngine', () => {
  test('gives its answers in order, the last one again, and records requests', async () => {
    const engine = fakeGenerationEngine({ answers: ['one', 'two'] })
    const texts = []
    for (let i = 0; i < 3; i += 1) texts.push(textOf(await collect(engine.generate({ prompt: PROMPT, maxTokens: 5 }))))
    expect(texts).toEqual(['one', 'two', 'two'])
    expect(engine.requests).toHaveLength(3)
  })

  test('fails as told: alone before any text, last after some; calls reject', async () => {
    const engine = fakeGenerationEngine({ answers: ['a b c'], failWith: lost, failAfter: 2 })
    const error = { type: 'error', error: { code: 'device-lost', retryable: true, details: { adapter: 'x' } } }
    const parts = await collect(engine.generate({ prompt: PROMPT, maxTokens: 5 }))
    expect(textOf(parts)).toBe('a b')
    expect(parts.at(-1)).toMatchObject(error)
    await expect(engine.score(PROMPT, ['x'])).rejects.toBe(lost)
    await expect(engine.load()).rejects.toBe(lost)
    engine.failWith = undefined
    expect((await collect(engine.generate({ prompt: PROMPT, maxTokens: 5 }))).at(-1)?.type).toBe('finish')
    const broken = fakeGenerationEngine({ failWith: lost })
    expect(await collect(broken.generate({ prompt: PROMPT, maxTokens: 5 }))).toMatchObject([error])
  })

  test('a respond that throws: a fault is a part, anything else is the test author’s', async () => {
    const faulty = fakeGenerationEngine({ respond: () => Promise.reject(lost) })
    expect(await collect(faulty.generate({ prompt: PROMPT, maxTokens: 5 }))).toMatchObject([{ type: 'error' }])
    const wrong = fakeGenerationEngine({ respond: () => Promise.reject(new TypeError('a bug')) })
    await expect(collect(wrong.generate({ prompt: PROMPT, maxTokens: 5 }))).rejects.toThrow('a bug')
  })

  test('takes its time by the clock it is given', async () => {
    const clock = fakeClock()
    const engine = fakeGenerationEngine({ answers: ['a b'], delay: 100, sleep: clock.sleep })
    const seen: string[] = []
    const run = (async () => {
      for await (const { type } of engine.generate({ prompt: PROMPT, maxTokens: 5 })) seen.push(type)
    })()
    await clock.advance(99)
    expect(seen).toEqual(['start'])
    await clock.advance(1)
    expect(seen).toEqual(['start', 'delta', 'signals'])
    await clock.advance(100)
    await run
    expect(seen.at(-1)).toBe('finish')
  })

  test('scores by length unless told', async () => {
    const engine = fakeGenerationEngine({ scoreOf: (_prompt, candidate) => (candidate === 'good' ? -0.5 : -9) })
    expect(await engine.score(PROMPT, ['bad', 'good'])).toEqual([
      { logprob: -9, tokens: 1 },
      { logprob: -0.5, tokens: 1 },
    ])
    expect(engine.scored).toHaveLength(1)
  })
})

describe('fakeEmbeddingEngine', () => {
  test('is the same everywhere: known values', async () => {
    const [a, b] = await fakeEmbeddingEngine({ dimensions: 8 }).embed(['parcel late', 'LATE parcel!'])
    expect(a).toEqual(b)
    const engine = fakeEmbeddingEngine({ failWith: lost })
    await expect(engine.embed(['x'])).rejects.toBe(lost)
    expect(engine.batches).toEqual([['x']])
  })
})

describe('fakeFrontier', () => {
  test('records what left, and nothing while offline', async () => {
    const frontier = fakeFrontier({ respond: ({ messages }) => messages[0]?.content.toUpperCase() ?? '' })
    const request = { idempotencyKey: 'k', messages: [{ role: 'user', content: 'hi there' }], maxTokens: 5 } as const
    expect(textOf(await collect(frontier.complete(request)))).toBe('HI THERE')
    frontier.offline = true
    expect(await collect(frontier.complete(request))).toMatchObject([{ type: 'error', error: { code: 'network' } }])
    expect(frontier.requests).toEqual([request])
  })

  test('may end in an error after its text, or for another reason', async () => {
    const request = { idempotencyKey: 'k', messages: [], maxTokens: 5 }
    const cut = fakeFrontier({ respond: () => ({ text: 'half an', failWith: lost }) })
    const parts = await collect(cut.complete(request))
    expect(textOf(parts)).toBe('half an')
    expect(parts.at(-1)).toMatchObject({ type: 'error', error: { code: 'device-lost' } })
    const filtered = fakeFrontier({
      respond: () => ({ reason: 'content-filter', usage: { promptTokens: 3, completionTokens: 0 } }),
    })
    expect((await collect(filtered.complete(request))).at(-1)).toMatchObject({
      type: 'finish',
      reason: 'content-filter',
      usage: { promptTokens: 3 },
    })
  })
})
