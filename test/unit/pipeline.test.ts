import { describe, expect, test } from 'vitest'

import type { WhenUnreachable } from '../../src/contracts/task.ts'
import { isTransaxleError } from '../../src/errors/base.ts'
import { settle } from '../../src/pipeline.ts'
import type { Shown } from '../../src/utils/screen.ts'
import { closed, frontierParts, orderOf, rungOf, scored, stagesOf, taskOf, written } from '../fixtures/pipeline.ts'

const hidden = (): void => {}
const input = { text: 'hello' }
const source = { where: 'frontier', model: 'big' } as const

/** Text on the screen, by source. */
function screen(): { readonly show: (part: Shown) => void; readonly parts: Shown[]; text(): string; sources(): readonly string[] } {
  const parts: Shown[] = []
  return {
    parts,
    show: (part) => void parts.push(part),
    text: () => parts.map((part) => (part.type === 'delta' ? part.text : '')).join(''),
    sources: () => [...new Set(parts.map((part) => part.source.where))],
  }
}

describe('a request settles', () => {
  test('on the device, when the score is within the threshold; nothing is sent', async () => {
    const stages = stagesOf()
    const outcome = await settle(orderOf(taskOf(), input), stages, hidden)
    expect(outcome).toMatchObject({
      settled: 'device',
      value: { text: 'device: hello' },
      reason: { code: 'score-within-threshold' },
    })
    expect(stages.journal.sent).toEqual([])
    expect(outcome.cost).toMatchObject({ spent: 0, bytesSent: 0, deviceTokens: 12 })
    expect(outcome.cost.saved).toBeGreaterThan(0)
  })

  test('at the frontier, when the score is above it', async () => {
    const stages = stagesOf({ score: async () => scored(0.9) })
    const outcome = await settle(orderOf(taskOf(), input), stages, hidden)
    expect(outcome).toMatchObject({
      settled: 'frontier',
      value: { text: 'frontier answer' },
      reason: { code: 'score-above-threshold' },
    })
    expect(outcome.cost).toMatchObject({ spent: 25, saved: 0, bytesSent: 100, bytesReceived: 50, frontierTokens: 25 })
  })

  test('at the second rung, when the first is not sure', async () => {
    const task = taskOf({ rungs: [rungOf('first', async () => written('one')), rungOf('second', async () => written('two'))] })
    const outcome = await settle(
      orderOf(task, input),
      stagesOf({ score: async (_request, { id }) => scored(id === 'first' ? 0.8 : 0.2) }),
      hidden,
    )
    expect(outcome).toMatchObject({ settled: 'device', value: { text: 'two' } })
  })

  test('for the reason of the rung that was judged, not of one that has no model', async () => {
    const task = taskOf({ rungs: [rungOf('first', async () => written('one')), rungOf('second', async () => written('two'))] })
    const { rungs } = stagesOf()
    const unable: typeof rungs.unable = ({ id }) => (id === 'second' ? 'No model.' : undefined)
    const stages = stagesOf({ rungs: { ...rungs, unable }, score: async () => scored(0.9) })
    expect(await settle(orderOf(task, input), stages, hidden)).toMatchObject({
      settled: 'frontier',
      reason: { code: 'score-above-threshold' },
    })
  })

  test('from the cache, without a gate or an engine', async () => {
    const stages = stagesOf({
      cache: { lookup: async () => ({ value: { text: 'known' }, source, createdAt: 1 }) },
      gates: async () => Promise.reject(new Error('not to be asked')),
    })
    const outcome = await settle(orderOf(taskOf(), input), stages, hidden)
    expect(outcome).toMatchObject({ settled: 'cache', value: { text: 'known' }, source: { where: 'cache', model: 'big' } })
  })

  test('not from a cache entry that the schema refuses, nor where the caller wants none', async () => {
    const stale = stagesOf({ cache: { lookup: async () => ({ value: { text: 5 }, source, createdAt: 1 }) } })
    expect((await settle(orderOf(taskOf(), input), stale, hidden)).settled).toBe('device')
    const fresh = stagesOf({ cache: { lookup: async () => ({ value: { text: 'known' }, source, createdAt: 1 }) } })
    expect((await settle(orderOf(taskOf(), input, { options: { cache: false } }), fresh, hidden)).settled).toBe('device')
  })

  test('as refused for an input that does not fit', async () => {
    const outcome = await settle(orderOf(taskOf(), { text: '' }), stagesOf(), hidden)
    expect(outcome).toMatchObject({ settled: 'refused', reason: { code: 'refused-invalid-input' } })
  })

  test('at the frontier at once, when it must go out', async () => {
    const gates = async () => ({ device: { open: false, code: 'must-go-out', why: 'Marked.' }, frontier: { open: true } }) as const
    const outcome = await settle(orderOf(taskOf(), input), stagesOf({ gates }), hidden)
    expect(outcome).toMatchObject({ settled: 'frontier', reason: { code: 'must-go-out' } })
  })

  test('by the stated rule where the score is unknown', async () => {
    const score = async () => ({ known: false, signals: {}, why: 'no calibrator.' }) as const
    expect(await settle(orderOf(taskOf(), input), stagesOf({ score }), hidden)).toMatchObject({
      settled: 'frontier',
      reason: { code: 'score-unknown-escalated' },
    })
    expect(await settle(orderOf(taskOf({ whenUnknown: 'keep' }), input), stagesOf({ score }), hidden)).toMatchObject({
      settled: 'device',
      reason: { code: 'score-unknown-kept' },
      score: { known: false },
    })
  })
})

describe('when the frontier cannot be had', () => {
  const cases: readonly [readonly WhenUnreachable[], ReturnType<typeof closed>, string, string][] = [
    [['queue', 'refuse'], closed('offline'), 'queued', 'queued-offline'],
    [['queue', 'keep'], closed('must-stay-on-device'), 'device', 'kept-must-stay-on-device'],
    [['queue', 'fallback'], closed('budget-spent'), 'fallback', 'fallback-budget-spent'],
    [['refuse', 'queue'], closed('offline'), 'refused', 'refused-offline'],
    [['queue'], closed('no-frontier'), 'refused', 'refused-no-frontier'],
  ]
  test.each(cases)('%j under %j ends as %s', async (whenUnreachable, gates, settled, code) => {
    const task = taskOf({ whenUnreachable, fallback: () => ({ text: 'thank you' }) })
    const stages = stagesOf({ gates: async () => gates, score: async () => scored(0.9) })
    const outcome = await settle(orderOf(task, input), stages, hidden)
    expect(outcome).toMatchObject({ settled, reason: { code } })
    expect(stages.journal.sent).toEqual([])
    expect(stages.journal.queued).toEqual(settled === 'queued' ? ['r1'] : [])
  })

  test('a network failure is queued; a refusal is not', async () => {
    const failing = (retryable: boolean) =>
      stagesOf({
        score: async () => scored(0.9),
        async *frontier() {
          yield { type: 'error', source, error: { code: retryable ? 'network' : 'gateway-refused', message: 'no.', retryable } }
        },
      })
    expect(await settle(orderOf(taskOf(), input), failing(true), hidden)).toMatchObject({
      settled: 'queued',
      reason: { code: 'queued-frontier-unreachable' },
    })
    expect(await settle(orderOf(taskOf(), input), failing(false), hidden)).toMatchObject({
      settled: 'refused',
      reason: { code: 'refused-frontier-failed', error: { code: 'gateway-refused' } },
    })
  })

  test('an outbox that cannot write hands on to the next way, and the error is told', async () => {
    const outbox = async () => Promise.reject(new Error('disk full'))
    const stages = stagesOf({ gates: async () => closed('offline'), score: async () => scored(0.9), outbox })
    const outcome = await settle(orderOf(taskOf(), input), stages, hidden)
    expect(outcome).toMatchObject({ settled: 'refused', reason: { code: 'refused-offline', error: { message: 'disk full' } } })
  })

  test('gates that cannot be read let nothing out', async () => {
    const stages = stagesOf({ gates: async () => Promise.reject(new Error('ledger gone')), score: async () => scored(0.9) })
    const outcome = await settle(orderOf(taskOf({ whenUnreachable: ['queue', 'keep'] }), input), stages, hidden)
    expect(outcome).toMatchObject({ settled: 'device', reason: { code: 'kept-must-stay-on-device' } })
    expect(stages.journal).toMatchObject({ sent: [], queued: [] })
  })
})

describe('an invalid answer is never a success', () => {
  const short = { name: 'short', judge: (value: { readonly text: string }) => (value.text.length > 8 ? 'too long' : undefined) }

  test('of the device: repaired once, else sent on', async () => {
    const answer = async () => written('far too long an answer')
    const repair = async () => written('ok')
    expect(
      await settle(orderOf(taskOf({ checks: [short], rungs: [rungOf('a', answer, repair)] }), input), stagesOf(), hidden),
    ).toMatchObject({
      settled: 'device',
      value: { text: 'ok' },
    })
    const stages = stagesOf({
      async *frontier() {
        yield* frontierParts('fine')
      },
    })
    expect(
      await settle(orderOf(taskOf({ checks: [short], rungs: [rungOf('a', answer, answer)] }), input), stages, hidden),
    ).toMatchObject({
      settled: 'frontier',
      value: { text: 'fine' },
      reason: { code: 'device-answer-invalid' },
    })
  })

  test('of the frontier: refused, and the ledger still knows what was sent', async () => {
    const stages = stagesOf({ score: async () => scored(0.9) })
    const task = taskOf({ checks: [short], rungs: [] })
    const outcome = await settle(orderOf(task, input), stages, hidden)
    expect(outcome).toMatchObject({ settled: 'refused', reason: { code: 'refused-frontier-failed' } })
    await outcome.done
    expect(stages.journal.settlements[0]?.sent).toMatchObject({ ok: true, exchange: { bytesSent: 100 } })
  })
})

describe('faults', () => {
  test('an engine that fails hands over to the frontier', async () => {
    const task = taskOf({ rungs: [rungOf('a', async () => Promise.reject(new Error('device lost')))] })
    expect(await settle(orderOf(task, input), stagesOf(), hidden)).toMatchObject({
      settled: 'frontier',
      reason: { code: 'device-failed' },
    })
  })

  test('a cache that fails is a miss', async () => {
    const stages = stagesOf({ cache: { lookup: async () => Promise.reject(new Error('broken')) } })
    const outcome = await settle(orderOf(taskOf(), input), stages, hidden)
    expect(outcome.settled).toBe('device')
    expect(outcome.trace.find(({ stage }) => stage === 'cache')?.error?.message).toBe('broken')
  })

  test('the caller aborts: AbortError, and nothing is written', async () => {
    const controller = new AbortController()
    const task = taskOf({
      rungs: [
        rungOf('a', async () => {
          controller.abort()
          throw new Error('cancelled below')
        }),
      ],
    })
    const stages = stagesOf()
    const error: unknown = await settle(orderOf(task, input, { signal: controller.signal }), stages, hidden).catch(
      (reason: unknown) => reason,
    )
    expect(isTransaxleError(error) && error.code).toBe('aborted')
    expect(stages.journal.settlements).toEqual([])
  })

  test('persistence comes after the answer and cannot fail it', async () => {
    const order: string[] = []
    const stages = stagesOf({
      async persist() {
        order.push('written')
        return [{ code: 'store-quota', message: 'full', retryable: false }]
      },
    })
    const outcome = await settle(orderOf(taskOf(), input), stages, hidden)
    order.push('answered')
    expect(await outcome.done).toMatchObject([{ code: 'store-quota' }])
    expect(order).toEqual(['answered', 'written'])
  })
})

describe('text is shown once, from one source', () => {
  const streaming = {
    streams: true,
    rungs: [
      rungOf('a', async (_question, { onText }) => {
        onText('dev')
        onText('ice')
        return written('device')
      }),
    ],
  }

  test('device text is held back while the frontier may still answer', async () => {
    const seen = screen()
    await settle(orderOf(taskOf(streaming), input), stagesOf({ score: async () => scored(0.9) }), seen.show)
    expect(seen.text()).toBe('frontier answer')
    expect(seen.sources()).toEqual(['frontier'])
  })

  test('device text goes live where it will be kept whatever comes', async () => {
    const seen = screen()
    const task = taskOf({ ...streaming, whenUnreachable: ['keep'] })
    await settle(
      orderOf(task, input),
      stagesOf({ gates: async () => closed('must-stay-on-device'), score: async () => scored(0.9) }),
      seen.show,
    )
    expect(seen.parts.filter((part) => part.type === 'delta').map((part) => part.text)).toEqual(['dev', 'ice'])
  })

  test('a frontier stream that breaks after text was shown ends refused: nothing is put after it', async () => {
    const seen = screen()
    const stages = stagesOf({
      score: async () => scored(0.9),
      async *frontier() {
        yield { type: 'delta', source, text: 'half an ans' }
        yield { type: 'error', source, error: { code: 'stream-truncated', message: 'cut', retryable: true } }
      },
    })
    const task = taskOf({ ...streaming, fallback: () => ({ text: 'fallback' }), whenUnreachable: ['keep', 'fallback'] })
    const outcome = await settle(orderOf(task, input), stages, seen.show)
    expect(outcome.settled).toBe('refused')
    expect(seen.text()).toBe('half an ans')
  })

  test('text with placeholders in it is restored before it is shown', async () => {
    const seen = screen()
    const stages = stagesOf({
      score: async () => scored(0.9),
      redact: async (messages) => ({
        messages,
        counts: { EMAIL: 1 },
        restore: (text) => text.replace('[EMAIL_1]', 'ann@example.com'),
      }),
      async *frontier() {
        yield* frontierParts('write to [EMAIL_1] now', 3)
      },
    })
    await settle(orderOf(taskOf(streaming), input), stages, seen.show)
    expect(seen.text()).toBe('write to ann@example.com now')
    expect(seen.parts.filter((part) => part.type === 'start')).toHaveLength(1)
  })
})
