import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { Sampling } from '../../../src/contracts/engine.ts'
import { createSampler } from '../../../workers/backends/sampling.ts'
import { SignalTotals, summarise, tokenSignals } from '../../../workers/backends/signals.ts'

const row = fc.float32Array({ minLength: 2, maxLength: 60, noNaN: true, min: -30, max: 30 })
const none: ReadonlySet<number> = new Set()

function draws(logits: Float32Array, sampling: Sampling, count: number, seen = none): number[] {
  const sampler = createSampler({ seed: 7, ...sampling })
  return Array.from({ length: count }, () => sampler(logits, summarise(logits), seen))
}

describe('signals', () => {
  test('equal their definitions', () => {
    fc.assert(
      fc.property(row, (logits) => {
        const values = [...logits]
        const most = Math.max(...values)
        const z = values.reduce((sum, value) => sum + Math.exp(value - most), 0)
        const p = values.map((value) => Math.exp(value - most) / z)
        const sorted = values.toSorted((a, b) => b - a)
        const summary = summarise(logits)
        const signals = tokenSignals(1, logits, summary)
        expect(signals.logprob).toBeCloseTo(Math.log(p[1] ?? 0), 4)
        expect(signals.entropy).toBeCloseTo(-p.reduce((sum, each) => sum + (each === 0 ? 0 : each * Math.log(each)), 0), 4)
        expect(signals.margin).toBeCloseTo((sorted[0] ?? 0) - (sorted[1] ?? 0), 5)
        expect(values[summary.top]).toBe(most)
      }),
    )
  })

  test('condense to means and extremes', () => {
    const totals = new SignalTotals()
    expect(totals.answer).toBeUndefined()
    totals.add({ token: 1, logprob: -1, entropy: 2, margin: 3 })
    totals.add({ token: 2, logprob: -3, entropy: 1, margin: 0.5 })
    expect(totals.answer).toEqual({
      tokens: 2,
      meanLogprob: -2,
      minLogprob: -3,
      meanEntropy: 1.5,
      maxEntropy: 2,
      meanMargin: 1.75,
      minMargin: 0.5,
    })
  })
})

describe('sampling', () => {
  const logits = Float32Array.of(0, 1, 2, 3)

  test('greedy by default', () => expect(draws(logits, {}, 5)).toEqual([3, 3, 3, 3, 3]))

  test('one seed, one sequence; another seed, another', () => {
    const flat = new Float32Array(50)
    expect(draws(flat, { temperature: 1 }, 20)).toEqual(draws(flat, { temperature: 1 }, 20))
    expect(draws(flat, { temperature: 1 }, 20)).not.toEqual(draws(flat, { temperature: 1, seed: 8 }, 20))
  })

  test('frequencies follow the softmax at the temperature', () => {
    const temperature = 1.5
    const weights = [...logits].map((value) => Math.exp(value / temperature))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const counts = [0, 0, 0, 0]
    for (const token of draws(logits, { temperature }, 20_000)) counts[token] = (counts[token] ?? 0) + 1
    for (const [token, weight] of weights.entries()) expect((counts[token] ?? 0) / 20_000).toBeCloseTo(weight / total, 1)
  })

  test('top-k takes the k likeliest only', () =>
    expect(new Set(draws(logits, { temperature: 5, topK: 2 }, 500))).toEqual(new Set([2, 3])))

  test('top-p takes the smallest set that reaches p', () => {
    // softmax of 0 1 2 3: 0.03 0.09 0.24 0.64
    expect(new Set(draws(logits, { temperature: 1, topP: 0.6 }, 500))).toEqual(new Set([3]))
    expect(new Set(draws(logits, { temperature: 1, topP: 0.7 }, 500))).toEqual(new Set([2, 3]))
  })

  test('top-k and top-p never leave the set of a plain sort', () => {
    fc.assert(
      fc.property(row, fc.integer({ min: 1, max: 10 }), fc.double({ min: 0.05, max: 1, noNaN: true }), (values, topK, topP) => {
        const best = [...values.entries()].toSorted(([, a], [, b]) => b - a)
        const least = best[Math.min(topK, best.length) - 1]?.[1] ?? 0
        for (const token of draws(values, { temperature: 1, topK, topP }, 10))
          expect(values[token]).toBeGreaterThanOrEqual(least - 1e-6)
      }),
    )
  })

  test('the repetition penalty divides what is likely, multiplies what is not, and leaves the logits alone', () => {
    const before = Float32Array.of(2, 1.9, -1)
    expect(draws(before, { repetitionPenalty: 1.2 }, 1, new Set([0, 2]))).toEqual([1])
    expect([...before]).toEqual([...Float32Array.of(2, 1.9, -1)])
  })

  test.each([{ temperature: -1 }, { topK: 1.5 }, { topP: 0 }, { topP: 1.1 }, { repetitionPenalty: 0.5 }])(
    '%j is refused',
    (sampling) => {
      expect(() => createSampler(sampling)).toThrow(expect.objectContaining({ code: 'invalid-option' }))
    },
  )
})
