import { describe, expect, test } from 'vitest'

import type { Frontier, FrontierCallOptions, FrontierRequest } from '../../src/contracts/frontier.ts'
import type { Part } from '../../src/contracts/part.ts'

/** What the other side does: gives these texts, then finishes, fails, or goes silent. `down`: there is nobody. */
export interface FrontierScript {
  readonly texts: readonly string[]
  readonly end: 'finish' | 'fail' | 'silence' | 'down'
}

export interface FrontierSubject {
  readonly frontier: Frontier
  close(): void | Promise<void>
}

const REQUEST: FrontierRequest = { idempotencyKey: 'key-1', messages: [{ role: 'user', content: 'Grüße?' }], maxTokens: 32 }
const TEXTS = ['Many', ' greetings', ' back']

/** What every `Frontier` keeps to. `make` gives one whose other side does what the script says. */
export function describeFrontier(name: string, make: (script: FrontierScript) => FrontierSubject | Promise<FrontierSubject>): void {
  describe(name, () => {
    async function using<T>(script: Partial<FrontierScript>, use: (frontier: Frontier) => Promise<T>): Promise<T> {
      const subject = await make({ texts: TEXTS, end: 'finish', ...script })
      try {
        return await use(subject.frontier)
      } finally {
        await subject.close()
      }
    }

    const run = (script: Partial<FrontierScript>, options: FrontierCallOptions = {}): Promise<Part[]> =>
      using(script, async (frontier) => {
        const parts: Part[] = []
        for await (const part of frontier.complete({ ...REQUEST, idempotencyKey: crypto.randomUUID() }, options)) parts.push(part)
        return parts
      })

    test('an answer is start, deltas, finish: in order, once, from one source', async () => {
      const parts = await run({})
      const types = parts.map(({ type }) => type)
      expect(types[0]).toBe('start')
      expect(types.at(-1)).toBe('finish')
      expect(types.filter((type) => type !== 'delta')).toHaveLength(2)
      for (const part of parts) expect(part.source).toEqual({ where: 'frontier', model: expect.any(String) })
      expect(textOf(parts)).toBe('Many greetings back')
      expect(parts.at(-1)).toMatchObject({
        reason: 'stop',
        usage: { promptTokens: expect.any(Number), completionTokens: expect.any(Number) },
      })
    })

    test('a failure after some text is an error part, and no finish', async () => {
      const parts = await run({ end: 'fail' })
      expect(textOf(parts)).toBe('Many greetings back')
      expect(parts.at(-1)).toMatchObject({ type: 'error', source: { where: 'frontier' }, error: { retryable: true } })
      expect(parts.filter(({ type }) => type === 'finish' || type === 'error')).toHaveLength(1)
    })

    test('a failure before any text is an error part', async () => {
      const parts = await run({ texts: [], end: 'fail' })
      expect(parts.at(-1)?.type).toBe('error')
    })

    test('silence after some text is a timeout part', async () => {
      const parts = await run({ end: 'silence' }, { idleTimeout: 400 })
      expect(textOf(parts)).toBe('Many greetings back')
      expect(parts.at(-1)).toMatchObject({ type: 'error', error: { code: 'timeout', retryable: true } })
    })

    test('silence from the start is a timeout part', async () => {
      const parts = await run({ texts: [], end: 'silence' }, { firstTokenTimeout: 100, idleTimeout: 100 })
      expect(parts.at(-1)).toMatchObject({ type: 'error', error: { code: 'timeout' } })
    })

    test('nobody there: a network error, and probe says so', async () => {
      const parts = await run({ end: 'down' })
      expect(parts).toHaveLength(1)
      expect(parts[0]).toMatchObject({ type: 'error', error: { code: 'network', retryable: true } })
      expect(await using({ end: 'down' }, (frontier) => frontier.probe())).toBe(false)
      expect(await using({}, (frontier) => frontier.probe())).toBe(true)
    })

    test('the caller’s abort is thrown: before, in silence, between parts', async () => {
      await expect(run({}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError', code: 'aborted' })
      for (const texts of [TEXTS, []]) {
        await using({ texts, end: 'silence' }, async (frontier) => {
          const caller = new AbortController()
          const parts = frontier.complete(REQUEST, { signal: caller.signal })[Symbol.asyncIterator]()
          if (texts.length > 0) await parts.next()
          const next = (async () => {
            for (;;) if ((await parts.next()).done === true) return
          })()
          caller.abort()
          await expect(next).rejects.toMatchObject({ name: 'AbortError' })
        })
      }
    })

    test('leaving the loop ends the exchange', async () => {
      await using({ end: 'silence' }, async (frontier) => {
        for await (const part of frontier.complete(REQUEST)) {
          if (part.type === 'delta') break
        }
      })
    })

    test('the exchange is counted', async () => {
      await using({}, async (frontier) => {
        const exchange = { bytesSent: 0, bytesReceived: 0 }
        let before = 0
        for await (const part of frontier.complete(REQUEST, {}, exchange)) {
          if (part.type === 'start') before = exchange.bytesSent
        }
        expect(before).toBeGreaterThan(JSON.stringify(REQUEST.messages).length)
        expect(exchange.bytesReceived).toBeGreaterThan('Many greetings back'.length)
      })
    })
  })
}

function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (part.type === 'delta' ? part.text : '')).join('')
}
