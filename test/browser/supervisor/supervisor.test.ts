import { afterEach, describe, expect, test, vi } from 'vitest'

import type { CallOptions } from '../../../src/contracts/engine.ts'
import type { Part } from '../../../src/contracts/part.ts'
import { EmbeddingClient } from '../../../src/engine/embedding-client.ts'
import type { GenerationClientOptions } from '../../../src/engine/generation-client.ts'
import { GenerationClient } from '../../../src/engine/generation-client.ts'
import type { Life, Script } from './script.ts'
import { script } from './script.ts'
import { collect, ENGINE, Lives, livingWorkers, textOf } from './scripted.ts'

const WORDS = ['one ', 'two ', 'three ', 'four ', 'five '] as const
const SENTENCE = WORDS.join('')

const open: { close(): void }[] = []
afterEach(async () => {
  for (const engine of open.splice(0)) engine.close()
  await vi.waitFor(async () => expect(await livingWorkers()).toEqual([]), { timeout: 10_000 })
})

function generator(lives: Lives, options: Partial<GenerationClientOptions> = {}): GenerationClient {
  const engine = new GenerationClient({ engine: ENGINE, createWorker: lives.create, ...options })
  open.push(engine)
  return engine
}

async function loaded(life: Partial<Life> = {}, options: Partial<GenerationClientOptions> = {}) {
  const lives = new Lives(life)
  const engine = generator(lives, options)
  await engine.load()
  return { lives, engine }
}

function generate(engine: GenerationClient, what: Script, options?: CallOptions): AsyncIterable<Part> {
  return engine.generate({ prompt: { text: script({ words: WORDS, ...what }) }, maxTokens: 16 }, options)
}

const tokensOf = (parts: readonly Part[]): number[] =>
  parts.flatMap((part) => (part.type === 'signals' ? part.tokens.map(({ token }) => token) : []))

describe('a worker that dies mid-generation', () => {
  test.each(['close', 'throw'] as const)('by %s: the answer goes on from a second run, each word once', async (fate) => {
    const { lives, engine } = await loaded()
    const parts = await collect(generate(engine, { after: 3, fate, lives: [1] }))
    expect(textOf(parts)).toBe(SENTENCE)
    expect(tokensOf(parts)).toEqual([0, 1, 2, 3, 4])
    expect(parts.filter(({ type }) => type === 'start')).toHaveLength(1)
    expect(parts.at(-1)).toMatchObject({ type: 'finish', usage: { completionTokens: 5 } })
    expect(lives.workers).toHaveLength(2)
  })

  test('from outside, by terminate', async () => {
    const { lives, engine } = await loaded()
    const parts: Part[] = []
    for await (const part of generate(engine, { after: 3, fate: 'hang', lives: [1] })) {
      parts.push(part)
      if (textOf(parts) === 'one two three ') lives.last.terminate()
    }
    expect(textOf(parts)).toBe(SENTENCE)
    expect(lives.workers).toHaveLength(2)
  })

  test('with other batches in the second run', async () => {
    const { engine } = await loaded()
    const parts = await collect(generate(engine, { after: 3, fate: 'close', lives: [1], batch: 4 }))
    expect(textOf(parts)).toBe(SENTENCE)
    expect(tokensOf(parts)).toEqual([0, 1, 2, 3, 4])
  })

  test('and whose replay comes out different: an error, no mixed text', async () => {
    const { engine } = await loaded()
    const parts = await collect(generate(engine, { after: 2, fate: 'close', lives: [1], unlike: true }))
    expect(textOf(parts)).toBe('one 1two 1')
    expect(parts.at(-1)).toMatchObject({ type: 'error', error: { code: 'worker-died', retryable: true } })
  })

  test('before any text, sampled: a replay is free to differ', async () => {
    const { engine } = await loaded()
    const parts = await collect(generate(engine, { after: 0, fate: 'close', lives: [1], unlike: true }))
    expect(textOf(parts)).toBe('one 2two 2three 2four 2five 2')
  })

  test('and again in the replay: a typed error, not a third try', async () => {
    const { lives, engine } = await loaded()
    const parts = await collect(generate(engine, { after: 2, fate: 'close' }))
    expect(textOf(parts)).toBe('one two ')
    expect(parts.at(-1)).toMatchObject({ type: 'error', error: { code: 'worker-died' } })
    expect(lives.workers).toHaveLength(2)
  })
})

describe('a worker that dies mid-call', () => {
  test('every pending call is answered by the next worker', async () => {
    const { lives, engine } = await loaded()
    const text = script({ fate: 'hang', lives: [1] })
    const pending = Promise.all([
      engine.score({ text }, ['a', 'bb']),
      engine.countTokens({ text }),
      collect(generate(engine, { after: 1, fate: 'hang', lives: [1] })),
    ])
    // The worker answers calls in the order they came: this one behind the three shows that it has them.
    await engine.countTokens({ text: '{}' })
    lives.last.terminate()
    const [scores, count, parts] = await pending
    expect(scores).toEqual([
      { logprob: -1, tokens: 2 },
      { logprob: -2, tokens: 2 },
    ])
    expect(count).toBe(2)
    expect(textOf(parts)).toBe(SENTENCE)
    expect(lives.workers).toHaveLength(2)
  })

  test('embeddings too', async () => {
    const lives = new Lives()
    const engine = new EmbeddingClient({ engine: ENGINE, createWorker: lives.create })
    open.push(engine)
    await engine.load()
    expect(await engine.embed([script({ fate: 'close', lives: [1] })])).toEqual([Float32Array.of(1, 0)])
    expect(lives.workers).toHaveLength(2)
    await expect(engine.embed([script({ fate: 'close' })])).rejects.toMatchObject({ code: 'worker-died' })
    expect(await engine.embed([])).toEqual([])
  })

  test('while loading: the load is made again', async () => {
    const lives = new Lives({ load: 'close' })
    await expect(generator(lives).load()).rejects.toMatchObject({ code: 'worker-died' })
    expect(lives.workers).toHaveLength(2)
  })

  test('over and over: the storm ends, and a load forgives', async () => {
    const { lives, engine } = await loaded({}, { maxDeaths: 4 })
    for (let i = 0; i < 5; i += 1) {
      await expect(engine.countTokens({ text: script({ fate: 'close' }) })).rejects.toMatchObject({ code: 'worker-died' })
    }
    expect(lives.workers).toHaveLength(4)
    await engine.load()
    expect(await engine.countTokens({ text: '{}' })).toBe(5)
  })
})

describe('a worker that does not answer', () => {
  test('hang: the deadline is the error, the worker lives on', async () => {
    const { lives, engine } = await loaded()
    await expect(engine.score({ text: script({ fate: 'hang' }) }, ['a'], { deadline: 50 })).rejects.toMatchObject({
      name: 'TimeoutError',
      code: 'timeout',
      details: { milliseconds: 50 },
    })
    expect(await engine.countTokens({ text: '{}' })).toBe(1)
    expect(lives.workers).toHaveLength(1)
  })

  test('hang mid-generation: an error part after the text', async () => {
    const { engine } = await loaded()
    const parts = await collect(generate(engine, { after: 2, fate: 'hang' }, { deadline: 1_000 }))
    expect(textOf(parts)).toBe('one two ')
    expect(parts.at(-1)).toMatchObject({ type: 'error', error: { code: 'timeout' } })
  })

  test.each(['deaf', 'spin'] as const)('%s: after the grace time it is replaced, its model loaded again', async (fate) => {
    const { lives, engine } = await loaded({}, { cancelGrace: 100 })
    await expect(engine.score({ text: script({ fate, lives: [1] }) }, ['a'], { deadline: 50 })).rejects.toMatchObject({
      code: 'timeout',
    })
    await vi.waitFor(() => expect(lives.workers).toHaveLength(2), { timeout: 10_000 })
    expect(textOf(await collect(generate(engine, {})))).toBe(SENTENCE)
    expect(lives.workers).toHaveLength(2)
  })

  test('a call taken back while it waits behind another does not end the worker', async () => {
    const { lives, engine } = await loaded({}, { cancelGrace: 50 })
    const caller = new AbortController()
    const first = engine.score({ text: script({ fate: 'hang' }) }, ['a'], { deadline: 300 })
    const second = engine.score({ text: script({ fate: 'deaf' }) }, ['a'], { signal: caller.signal })
    await engine.countTokens({ text: '{}' })
    caller.abort()
    await expect(second).rejects.toMatchObject({ code: 'aborted' })
    await expect(first).rejects.toMatchObject({ code: 'timeout' })
    expect(lives.workers).toHaveLength(1)
    // Now it is first, and does hold the worker up.
    await vi.waitFor(() => expect(lives.workers).toHaveLength(2), { timeout: 10_000 })
  })

  test('hello that hangs, closes, or is of another version', async () => {
    const slow = generator(new Lives({ hello: 'hang' }), { helloDeadline: 100 })
    await expect(slow.load()).rejects.toMatchObject({ code: 'timeout' })
    const dying = generator(new Lives({ hello: 'close' }), { helloDeadline: 100 })
    await expect(dying.load()).rejects.toMatchObject({ code: 'timeout' })
    const old = generator(new Lives({ api: 2 }))
    await expect(old.load()).rejects.toMatchObject({ code: 'worker-failed', message: expect.stringContaining('version 2') })
  })

  test('a script that is not there, and a worker that cannot be made', async () => {
    const absent = new GenerationClient({
      engine: ENGINE,
      createWorker: () => new Worker('/no-such-worker.js', { type: 'module' }),
    })
    open.push(absent)
    await expect(absent.load()).rejects.toMatchObject({ code: 'worker-died' })
    const impossible = new GenerationClient({
      engine: ENGINE,
      createWorker: () => {
        throw new Error('blocked by policy')
      },
    })
    await expect(impossible.load()).rejects.toMatchObject({
      code: 'worker-failed',
      message: expect.stringContaining('blocked by policy'),
    })
  })
})

describe('cancel', () => {
  test('an abort rejects a call at once and stops it in the worker', async () => {
    const { lives, engine } = await loaded()
    const caller = new AbortController()
    const scores = engine.score({ text: script({ fate: 'hang' }) }, ['a'], { signal: caller.signal })
    caller.abort()
    await expect(scores).rejects.toMatchObject({ name: 'AbortError', code: 'aborted' })
    expect(await engine.countTokens({ text: '{}' })).toBe(1)
    expect(lives.workers).toHaveLength(1)
  })

  test('an abort mid-generation is thrown; an abort before it makes no call', async () => {
    const { engine } = await loaded()
    const caller = new AbortController()
    const parts: Part[] = []
    const run = async (): Promise<void> => {
      for await (const part of generate(engine, { after: 3, fate: 'hang' }, { signal: caller.signal })) {
        parts.push(part)
        if (textOf(parts) === 'one two ') caller.abort()
      }
    }
    await expect(run()).rejects.toMatchObject({ name: 'AbortError' })
    expect(textOf(parts)).toBe('one two ')
    await expect(collect(generate(engine, {}, { signal: caller.signal }))).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('leaving the loop stops the worker', async () => {
    const { lives, engine } = await loaded({}, { cancelGrace: 60_000 })
    for await (const part of generate(engine, { after: 2, fate: 'hang' })) {
      if (part.type === 'delta') break
    }
    expect(textOf(await collect(generate(engine, {})))).toBe(SENTENCE)
    expect(lives.workers).toHaveLength(1)
  })
})

describe('errors', () => {
  test('cross the border with code, details and cause', async () => {
    const { engine } = await loaded()
    const error = {
      code: 'context-overflow',
      message: 'Too long.',
      retryable: false,
      details: { limit: 64 },
      cause: { code: 'engine-failed', message: 'inner', retryable: true },
    } as const
    const text = script({ fate: 'error', error })
    await expect(engine.score({ text }, ['a'])).rejects.toMatchObject({
      ...error,
      name: 'TransaxleError',
      cause: { code: 'engine-failed', message: 'inner', retryable: true },
    })
    const parts = await collect(generate(engine, { fate: 'error', error }))
    expect(parts.at(-1)).toMatchObject({ type: 'error', error })
  })

  test('a call that throws, and an answer without an end', async () => {
    const { engine } = await loaded()
    await expect(engine.score({ text: script({ fate: 'reject' }) }, ['a'])).rejects.toMatchObject({ code: 'worker-failed' })
    const parts = await collect(generate(engine, { after: 1, fate: 'silence' }))
    expect(parts.at(-1)).toMatchObject({ type: 'error', error: { code: 'worker-failed' } })
  })

  test('a request that cannot be cloned', async () => {
    const { engine } = await loaded()
    const text = Object.assign(() => 'not data', {})
    // @ts-expect-error -- what a caller without types might do
    await expect(engine.countTokens({ text })).rejects.toMatchObject({ code: 'worker-failed' })
  })
})

describe('load and unload', () => {
  test('progress and report; a second load joins', async () => {
    const lives = new Lives()
    const engine = generator(lives)
    const stages: string[] = []
    const [first, second] = await Promise.all([engine.load({ onProgress: ({ stage }) => stages.push(stage) }), engine.load()])
    expect(second).toEqual(first)
    expect(first).toMatchObject({ model: 'test/scripted', backend: 'wasm', dtype: 'q8' })
    expect(stages).toEqual(['download', 'ready'])
  })

  test('a call made while the model loads waits for it', async () => {
    const engine = generator(new Lives())
    const load = engine.load()
    expect(textOf(await collect(generate(engine, {})))).toBe(SENTENCE)
    await load
  })

  test('steps down from a GPU that fails, in a new worker, and says so', async () => {
    const lives = new Lives({ failLoadOn: ['webgpu'] })
    const engine = generator(lives, { engine: { ...ENGINE, backend: 'auto' } })
    const report = await engine.load()
    expect(report).toMatchObject({ backend: 'wasm', dtype: 'q8' })
    expect(report.reason).toContain('wrong token')
    expect(lives.workers).toHaveLength(2)
    lives.last.terminate()
    expect(textOf(await collect(generate(engine, { after: 1, fate: 'hang', lives: [2] })))).toBe(SENTENCE)
  })

  test('a GPU that is lost mid-generation: the worker starts anew, on WASM if the GPU stays away', async () => {
    const error = { code: 'device-lost', message: 'gone', retryable: true } as const
    const engine = generator(new Lives(), { engine: { ...ENGINE, backend: 'auto' } })
    await engine.load()
    expect(textOf(await collect(generate(engine, { after: 2, fate: 'error', error, lives: [1] })))).toBe(SENTENCE)
    expect(await engine.load()).toMatchObject({ backend: 'webgpu' })

    const lives = new Lives({ failLoadOn: ['webgpu'], failLoadFrom: 2 })
    const unlucky = generator(lives, { engine: { ...ENGINE, backend: 'auto' } })
    expect(await unlucky.load()).toMatchObject({ backend: 'webgpu' })
    const [parts, count] = await Promise.all([
      collect(generate(unlucky, { after: 0, fate: 'error', error, lives: [1] })),
      unlucky.countTokens({ text: script({ fate: 'hang', lives: [1] }) }),
    ])
    expect(textOf(parts)).toBe(SENTENCE)
    expect(count).toBe(3)
    expect(await unlucky.load()).toMatchObject({ backend: 'wasm', reason: expect.stringContaining('wrong token') })
    expect(lives.workers).toHaveLength(3)
    expect(await livingWorkers()).toHaveLength(2)
  })

  test('does not step down from a choice, nor from a missing model', async () => {
    const chosen = generator(new Lives({ failLoadOn: ['webgpu'] }), { engine: { ...ENGINE, backend: 'webgpu' } })
    await expect(chosen.load()).rejects.toMatchObject({ code: 'self-check-failed' })
    const lives = new Lives({
      failLoadOn: ['webgpu', 'wasm'],
      loadError: { code: 'model-not-found', message: 'not there', retryable: false },
    })
    await expect(generator(lives, { engine: { ...ENGINE, backend: 'auto' } }).load()).rejects.toMatchObject({
      code: 'model-not-found',
    })
    expect(lives.workers).toHaveLength(1)
  })

  test('before a load and after unload: not-loaded; unload ends the worker', async () => {
    const lives = new Lives()
    const engine = generator(lives)
    expect(await collect(generate(engine, {}))).toMatchObject([{ type: 'error', error: { code: 'not-loaded' } }])
    await engine.load()
    await engine.unload()
    await engine.unload()
    await vi.waitFor(async () => expect(await livingWorkers()).toEqual([]), { timeout: 10_000 })
    expect(await collect(generate(engine, {}))).toMatchObject([{ type: 'error', error: { code: 'not-loaded' } }])
    await engine.load()
    expect(textOf(await collect(generate(engine, {})))).toBe(SENTENCE)
  })

  test('close settles what is pending and what comes later', async () => {
    const { lives, engine } = await loaded()
    const pending = engine.score({ text: script({ fate: 'hang' }) }, ['a'])
    const settled = expect(pending).rejects.toMatchObject({ code: 'worker-died', details: { closed: true } })
    await engine.countTokens({ text: '{}' })
    engine.close()
    await settled
    await expect(engine.countTokens({ text: '{}' })).rejects.toMatchObject({ details: { closed: true } })
    await expect(engine.load()).rejects.toMatchObject({ details: { closed: true } })
    expect(lives.workers).toHaveLength(1)
  })
})

test('20 rounds of killing leave one worker and no hanging call', async () => {
  const { lives, engine } = await loaded({}, { maxDeaths: 100 })
  for (let round = 1; round <= 20; round += 1) {
    const killed = lives.last
    const parts: Part[] = []
    for await (const part of generate(engine, { after: 2, fate: 'hang', lives: [round] })) {
      parts.push(part)
      if (textOf(parts) === 'one two ' && lives.last === killed) killed.terminate()
    }
    expect(textOf(parts)).toBe(SENTENCE)
    expect(lives.workers).toHaveLength(round + 1)
  }
  expect(await livingWorkers()).toHaveLength(1)
})

test('without Web Locks, a crash with an error event and a deadline still settle calls', async () => {
  const locks: Pick<LockManager, 'request' | 'query'> = {
    request: () => new Promise(() => undefined),
    query: () => navigator.locks.query(),
  }
  const { engine } = await loaded({}, { locks, cancelGrace: 100 })
  expect(textOf(await collect(generate(engine, { after: 3, fate: 'throw', lives: [1] })))).toBe(SENTENCE)
  await expect(engine.score({ text: script({ fate: 'close' }) }, ['a'], { deadline: 100 })).rejects.toMatchObject({
    code: 'timeout',
  })
})
