import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import type { OutboxEntry } from '../../../src/contracts/records.ts'
import { afterFault } from '../../../src/outbox/retry.ts'

const entry: OutboxEntry = {
  id: 'a',
  state: 'sending',
  task: 't',
  input: 1,
  request: { idempotencyKey: 'a', messages: [], maxTokens: 1 },
  tries: 0,
  createdAt: 0,
  dueAt: 0,
}

test('a delay is never before now and never over its cap, whatever the server says and however often it failed', () => {
  const retryAfter = fc.option(fc.oneof(fc.double(), fc.integer(), fc.string(), fc.boolean()), { nil: undefined })
  fc.assert(
    fc.property(fc.nat(2000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), retryAfter, (tries, random, asked) => {
      const details = asked === undefined ? undefined : { retryAfter: asked }
      const error = { code: 'gateway-failed', message: '', retryable: true, details } as const
      const rules = { now: () => 100, random: () => random, maxTries: 5000, baseDelay: 10, maxDelay: 1000, maxRetryAfter: 3000 }
      const { state, dueAt, tries: counted } = afterFault(error, { ...entry, tries }, rules)
      expect(state).toBe('waiting')
      expect(counted).toBe(tries + 1)
      expect(dueAt).toBeGreaterThanOrEqual(100)
      expect(dueAt).toBeLessThanOrEqual(3100)
    }),
  )
})

test('jitter is full: from nothing to the whole backoff', () => {
  const error = { code: 'gateway-failed', message: '', retryable: true } as const
  const dueAt = (random: number): number | undefined =>
    afterFault(error, { ...entry, tries: 3 }, { now: () => 0, random: () => random, baseDelay: 100 }).dueAt
  expect([dueAt(0), dueAt(0.5), dueAt(0.999)]).toEqual([0, 400, expect.closeTo(799.2)])
})

test('a network fault that cannot be mended by waiting is a failure like any other', () => {
  const error = { code: 'network', message: '', retryable: false } as const
  expect(afterFault(error, entry, { now: () => 0, random: () => 0 })).toEqual({ state: 'failed', tries: 1, error })
})
