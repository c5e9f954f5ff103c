import { afterAll, beforeEach, describe, expect, test } from 'vitest'

import { ApiError } from '../../server/app.ts'
import type { Chunk, Provider } from '../../server/app.ts'
import { ask, drain, errorOf, startTestGateway } from './support/gateway.ts'
import type { TestGateway } from './support/gateway.ts'

/** A provider that answers when it is told to, and counts. */
class Manual implements Provider {
  readonly name = 'manual'
  readonly signals: AbortSignal[] = []
  #release: ((outcome: 'answer' | 'fail') => void)[] = []
  immediate = true

  models(): readonly string[] {
    return ['manual']
  }

  async *complete(_request: unknown, signal: AbortSignal): AsyncGenerator<Chunk, void> {
    const call = this.signals.push(signal)
    yield { type: 'start', model: 'manual' }
    yield { type: 'delta', delta: { content: `answer ` } }
    if (!this.immediate) {
      const outcome = await new Promise<'answer' | 'fail'>((resolve, reject) => {
        this.#release.push(resolve)
        signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true })
      })
      if (outcome === 'fail') throw new ApiError(502, 'upstream_failed', 'The upstream failed.')
    }
    yield { type: 'delta', delta: { content: `${call}` } }
    yield { type: 'finish', reason: 'stop' }
  }

  get calls(): number {
    return this.signals.length
  }

  release(outcome: 'answer' | 'fail'): void {
    for (const resolve of this.#release.splice(0)) resolve(outcome)
  }
}

let provider: Manual
let gateway: TestGateway
let now = 0
const open: TestGateway[] = []

beforeEach(async () => {
  provider = new Manual()
  now = 1000
  gateway = await startTestGateway({ provider, now: () => now, idempotency: { ttl: 1000, maxEntries: 3 } })
  open.push(gateway)
})

afterAll(() => Promise.all(open.map((each) => each.close())))

const withKey = (key: string, signal?: AbortSignal) => ({
  headers: { 'idempotency-key': key },
  ...(signal === undefined ? {} : { signal }),
})
const send = (key: string, content = 'hello') =>
  gateway.client.chat.completions.create(ask('manual', content), withKey(key)).withResponse()

const openStream = (key: string, signal?: AbortSignal) =>
  gateway.client.chat.completions.create({ ...ask('manual'), stream: true }, withKey(key, signal))

describe('an idempotency key', () => {
  test('gets the stored answer again, id and all, and says so', async () => {
    const first = await send('a')
    const second = await send('a')
    expect(provider.calls).toBe(1)
    expect(second.data).toEqual(first.data)
    expect(first.data.choices[0]?.message.content).toBe('answer 1')
    expect(first.response.headers.get('idempotent-replayed')).toBeNull()
    expect(second.response.headers.get('idempotent-replayed')).toBe('true')
  })

  test('gets a stream again', async () => {
    const first = await drain(await openStream('s'))
    const second = await drain(await openStream('s'))
    expect(second).toEqual(first)
    expect(second.text).toBe('answer 1')
    expect(provider.calls).toBe(1)
  })

  test('is one call to the upstream for many requests at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => send('many')))
    expect(new Set(answers.map(({ data }) => JSON.stringify(data))).size).toBe(1)
    expect(provider.calls).toBe(1)
  })

  test('is one call to the upstream for many readers of an answer that is not there yet', async () => {
    provider.immediate = false
    const streams = await Promise.all(Array.from({ length: 8 }, () => openStream('many')))
    expect(provider.calls).toBe(1)
    provider.release('answer')
    const answers = await Promise.all(streams.map(drain))
    expect(answers.map(({ text }) => text)).toEqual(Array.from({ length: 8 }, () => 'answer 1'))
    expect(provider.calls).toBe(1)
  })

  test('with another body is refused', async () => {
    await send('b')
    const error = await errorOf(send('b', 'something else'))
    expect(error).toMatchObject({
      status: 422,
      code: 'idempotency_key_reused',
      type: 'idempotency_error',
      param: 'Idempotency-Key',
    })
    expect(provider.calls).toBe(1)
  })

  test('of a request that failed is free again; those who waited with it get its error', async () => {
    provider.immediate = false
    const both = [await openStream('c'), await openStream('c')]
    provider.release('fail')
    for (const { text, error } of await Promise.all(both.map(drain))) {
      expect(text).toBe('answer ')
      expect(error).toMatchObject({ code: 'upstream_failed' })
    }
    expect(provider.calls).toBe(1)
    provider.immediate = true
    expect((await drain(await openStream('c'))).text).toBe('answer 2')
  })

  test('lets one of two readers leave without harm to the other, and the last one end the call', async () => {
    provider.immediate = false
    const abort = new AbortController()
    const leaving = await openStream('d', abort.signal)
    const staying = await openStream('d')
    abort.abort()
    await drain(leaving)
    await expect.poll(() => gateway.log.length).toBe(1)
    expect(provider.signals[0]?.aborted).toBe(false)
    provider.release('answer')
    expect((await drain(staying)).text).toBe('answer 1')

    const alone = new AbortController()
    const call = await openStream('e', alone.signal)
    alone.abort()
    await drain(call)
    await expect.poll(() => provider.signals[1]?.aborted).toBe(true)
    provider.immediate = true
    expect((await drain(await openStream('e'))).text).toBe('answer 3')
  })

  test('is forgotten after its time, and when there are too many', async () => {
    await send('old')
    now += 999
    await send('old')
    expect(provider.calls).toBe(1)
    now += 1
    await send('old')
    expect(provider.calls).toBe(2)
    for (const key of ['1', '2', '3']) await send(key)
    await send('3')
    expect(provider.calls).toBe(5)
    await send('old')
    expect(provider.calls).toBe(6)
  })

  test('has a length', async () => {
    expect(await errorOf(send('k'.repeat(256)))).toMatchObject({ status: 400, code: 'invalid_value', param: 'Idempotency-Key' })
  })
})

test('requests without a key are never joined', async () => {
  await gateway.client.chat.completions.create(ask('manual'))
  await gateway.client.chat.completions.create(ask('manual'))
  expect(provider.calls).toBe(2)
})
