import { describe, expect, test } from 'vitest'

import type { EngineOptions } from '../../../src/contracts/engine.ts'
import type { LoadReport } from '../../../src/contracts/models.ts'
import type { Part } from '../../../src/contracts/part.ts'
import type { EngineWorker } from '../../../src/contracts/wire.ts'
import { EngineError } from '../../../src/errors/engine-error.ts'
import { throwIfAborted } from '../../../src/utils/deadline.ts'
import type { Generator } from '../../../workers/backends/ort-generate.ts'
import { createHost } from '../../../workers/host.ts'
import { PartBatcher } from '../../../workers/part-batcher.ts'

const source = { where: 'device', model: 'fake' } as const
const engine: EngineOptions = { model: { id: 'a/b' }, sources: [], backend: 'wasm' }
const request = { prompt: { text: 'x' }, maxTokens: 5 }
const report: LoadReport = {
  model: 'a/b',
  revision: 'main',
  dtype: 'q8',
  backend: 'wasm',
  reason: 'because',
  threads: 1,
  bytesFromNetwork: 0,
  bytesFromCache: 0,
  contextLength: 10,
  milliseconds: 1,
}

/** A generator that says a letter whenever it is let, until it is cancelled. */
function slowGenerator(): { readonly generator: Generator; readonly log: string[]; readonly letNext: () => void } {
  const log: string[] = []
  let wake: () => void = () => undefined
  const generator: Generator = {
    async generate(_request, emit, id, signal) {
      log.push(`start ${id}`)
      emit({ type: 'start', source, id })
      for (let i = 0; i < 3; i += 1) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        throwIfAborted(signal)
        emit({ type: 'delta', source, text: String(i) })
      }
      log.push(`end ${id}`)
      emit({ type: 'finish', source, reason: 'stop', usage: { promptTokens: 1, completionTokens: 3 } })
    },
    score: () => Promise.reject(new EngineError('out-of-memory', 'full', { details: { bytes: 1 } })),
    countTokens: (prompt) => ('text' in prompt ? prompt.text.length : 0),
    release: () => {
      log.push('release')
      return Promise.resolve()
    },
  }
  return { generator, log, letNext: () => wake() }
}

async function hostWith(generator: Generator): Promise<EngineWorker> {
  const host = createHost({
    loadGenerator: () => Promise.resolve({ generator, report }),
    loadEmbedder: () => Promise.reject(new Error('not in this test')),
    holdLock: () => Promise.resolve(),
    now: () => 0,
  })
  await host.hello({ api: 1, kind: 'generate', lock: 'l' })
  return host
}

/** Enough turns of the event loop for everything that can go on to go on. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve))
}

describe('the host', () => {
  test('calls run one at a time, in their order', async () => {
    const { generator, log, letNext } = slowGenerator()
    const host = await hostWith(generator)
    await host.load('load', engine, () => undefined)
    const first: Part[] = []
    const both = [host.generate('1', request, (parts) => first.push(...parts)), host.generate('2', request, () => undefined)]
    for (let i = 0; i < 6; i += 1) {
      await settle()
      letNext()
    }
    expect(await Promise.all(both)).toEqual([
      { ok: true, value: undefined },
      { ok: true, value: undefined },
    ])
    expect(log).toEqual(['start 1', 'end 1', 'start 2', 'end 2'])
    expect(first.map((part) => part.type)).toEqual(['start', 'delta', 'finish'])
  })

  test('a cancel reaches a running call and a waiting one, and only those', async () => {
    const { generator, log, letNext } = slowGenerator()
    const host = await hostWith(generator)
    await host.load('load', engine, () => undefined)
    const running = host.generate('1', request, () => undefined)
    const waiting = host.generate('2', request, () => undefined)
    await settle()
    await host.cancel('2')
    await host.cancel('1')
    await host.cancel('never heard of')
    letNext()
    expect(await running).toMatchObject({ ok: false, error: { code: 'aborted' } })
    expect(await waiting).toMatchObject({ ok: false, error: { code: 'aborted' } })
    expect(log).toEqual(['start 1'])
    expect(await host.countTokens('3', { text: 'abc' })).toEqual({ ok: true, value: 3 })
  })

  test('errors cross as data, with their facts', async () => {
    const host = await hostWith(slowGenerator().generator)
    expect(await host.score('1', { text: 'x' }, ['a'])).toMatchObject({ ok: false, error: { code: 'not-loaded' } })
    expect(await host.countTokens('1', { text: 'x' })).toMatchObject({ ok: false, error: { code: 'not-loaded' } })
    await host.load('load', engine, () => undefined)
    const failed = await host.score('1', { text: 'x' }, ['a'])
    expect(failed).toMatchObject({ ok: false, error: { code: 'out-of-memory', details: { bytes: 1 } } })
    expect(structuredClone(failed)).toEqual(failed)
    expect(await host.embed('1', ['x'])).toMatchObject({ ok: false, error: { code: 'not-loaded' } })
  })

  test('a count of tokens does not wait for a generation', async () => {
    const { generator, letNext } = slowGenerator()
    const host = await hostWith(generator)
    await host.load('load', engine, () => undefined)
    const running = host.generate('1', request, () => undefined)
    await settle()
    expect(await host.countTokens('2', { text: 'abcd' })).toEqual({ ok: true, value: 4 })
    await host.cancel('1')
    letNext()
    await running
  })

  test('another wire version and calls before hello are refused', async () => {
    const host = createHost({
      loadGenerator: () => Promise.reject(new Error('unused')),
      loadEmbedder: () => Promise.reject(new Error('unused')),
      holdLock: () => Promise.resolve(),
      now: () => 0,
    })
    expect(await host.hello({ api: 999, kind: 'generate', lock: 'l' })).toMatchObject({
      ok: false,
      error: { code: 'worker-failed' },
    })
    expect(await host.load('1', engine, () => undefined)).toMatchObject({ ok: false, error: { code: 'worker-failed' } })
  })

  test('loading again and unloading release what was loaded', async () => {
    const { generator, log } = slowGenerator()
    const host = await hostWith(generator)
    await host.load('1', engine, () => undefined)
    await host.load('2', engine, () => undefined)
    await host.unload('3')
    await host.unload('4')
    expect(log).toEqual(['release', 'release'])
  })
})

describe('batches of parts', () => {
  const signals = (token: number): Part => ({ type: 'signals', source, tokens: [{ token, logprob: -1, entropy: 1, margin: 1 }] })
  const delta = (text: string): Part => ({ type: 'delta', source, text })

  test('a frame of tokens crosses as one batch of joined parts', async () => {
    let now = 0
    const batches: (readonly Part[])[] = []
    const batcher = new PartBatcher(
      (parts) => void batches.push(parts),
      () => now,
    )
    batcher.add({ type: 'start', source, id: '1' })
    for (let token = 0; token < 4; token += 1) {
      batcher.add(signals(token))
      batcher.add(delta(String(token)))
      now += 5
    }
    await batcher.end()
    expect(batches.map((parts) => parts.map((part) => (part.type === 'delta' ? part.text : part.type)))).toEqual([
      ['start'],
      ['signals', '0123'],
    ])
    expect(batches[1]?.[0]).toMatchObject({ tokens: [{ token: 0 }, { token: 1 }, { token: 2 }, { token: 3 }] })
  })

  test('no more than eight tokens wait', async () => {
    const batches: (readonly Part[])[] = []
    const batcher = new PartBatcher(
      (parts) => void batches.push(parts),
      () => 0,
    )
    for (let token = 0; token < 20; token += 1) batcher.add(signals(token))
    expect(batches).toHaveLength(2)
    await batcher.end()
    expect(batches).toHaveLength(3)
  })

  test('the end waits for every batch to be taken, and tells of one that was not', async () => {
    const batcher = new PartBatcher(
      () => Promise.reject(new Error('the page is gone')),
      () => 0,
    )
    batcher.add(delta('x'))
    await expect(batcher.end()).rejects.toThrow('the page is gone')
  })
})
