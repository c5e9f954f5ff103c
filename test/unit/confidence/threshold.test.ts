import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { binomialTail, resolveThreshold } from '../../../src/confidence/threshold.ts'
import type { ScoredOutcome } from '../../../src/contracts/score.ts'
import { seededRandom } from '../../../src/utils/random.ts'

const outcomes = fc.array(fc.record({ score: fc.double({ min: 0, max: 1, noNaN: true }), wrong: fc.boolean() }), { maxLength: 200 })

describe('a threshold given as a number', () => {
  it('is taken as it is', () => {
    expect(resolveThreshold(0.3, []).value).toBe(0.3)
  })

  it.each([-0.1, 1.1, Number.NaN])('of %s is refused with what to change', (value) => {
    expect(() => resolveThreshold(value, [])).toThrow(/threshold must be a number in \[0, 1\]/)
  })

  it.each([{ maxError: 0 }, { maxError: 0.1, confidence: 1 }, { escalationRate: 2 }])('as the target %o is refused', (target) => {
    expect(() => resolveThreshold(target, [])).toThrow(expect.objectContaining({ code: 'invalid-option' }))
  })
})

describe('an escalation rate', () => {
  it('is never exceeded on the outcomes it was set on, and one score lower would exceed it', () => {
    fc.assert(
      fc.property(outcomes, fc.double({ min: 0, max: 1, noNaN: true }), (labelled, escalationRate) => {
        const { value } = resolveThreshold({ escalationRate }, labelled)
        const above = (limit: number): number => labelled.filter(({ score }) => score > limit).length
        if (labelled.length === 0) return value === -1
        const lower = Math.max(-1, ...labelled.map(({ score }) => score).filter((score) => score < value))
        return (
          above(value) <= escalationRate * labelled.length + 1e-6 &&
          (value === -1 || above(lower) > escalationRate * labelled.length - 1e-6)
        )
      }),
    )
  })

  it('gives a threshold that falls as the rate rises', () => {
    fc.assert(
      fc.property(
        outcomes,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (labelled, a, b) => {
          const low = resolveThreshold({ escalationRate: Math.min(a, b) }, labelled).value
          return low >= resolveThreshold({ escalationRate: Math.max(a, b) }, labelled).value
        },
      ),
    )
  })
})

describe('an error target', () => {
  it('keeps nothing and says so while labels are too few', () => {
    const few = Array.from({ length: 20 }, (_, i) => ({ score: i / 20, wrong: false }))
    const { value, basis } = resolveThreshold({ maxError: 0.05 }, few)
    expect(value).toBe(-1)
    expect(basis).toContain('20 labels are too few (45 at the least)')
  })

  it('keeps everything where nothing is wrong and labels are enough', () => {
    const right = Array.from({ length: 50 }, (_, i) => ({ score: i / 50, wrong: false }))
    expect(resolveThreshold({ maxError: 0.05 }, right).value).toBe(0.98)
  })

  it('never keeps a set that its own exact test turns down, and never splits equal scores', () => {
    fc.assert(
      fc.property(outcomes, fc.double({ min: 0.02, max: 0.6, noNaN: true }), (labelled, maxError) => {
        const { value } = resolveThreshold({ maxError, confidence: 0.9 }, labelled)
        const kept = labelled.filter(({ score }) => score <= value)
        if (kept.length === 0) return value === -1
        return binomialTail(kept.filter(({ wrong }) => wrong).length, kept.length, maxError) <= 0.1 + 1e-12
      }),
    )
  })

  // Calibrated by construction: score s = u^g for uniform u, wrong with probability s. Then P(wrong | score <= t) = t / (g + 1) exactly.
  it.each([
    { labels: 200, maxError: 0.05, confidence: 0.9, shape: 8 },
    { labels: 1000, maxError: 0.05, confidence: 0.95, shape: 3 },
    { labels: 100, maxError: 0.1, confidence: 0.8, shape: 3 },
  ])('is broken no more often than promised over 1,000 resamples: %o', ({ labels, maxError, confidence, shape }) => {
    const random = seededRandom(20)
    let broken = 0
    let useful = 0
    for (let run = 0; run < 1000; run += 1) {
      const sample: ScoredOutcome[] = Array.from({ length: labels }, () => {
        const score = random() ** shape
        return { score, wrong: random() < score }
      })
      const { value } = resolveThreshold({ maxError, confidence }, sample)
      if (value / (shape + 1) > maxError) broken += 1
      if (value > 0) useful += 1
    }
    expect(broken / 1000).toBeLessThanOrEqual(1 - confidence)
    expect(useful / 1000).toBeGreaterThan(0.5)
  })
})

describe('binomialTail', () => {
  it('equals the sum of the probabilities', () => {
    // P(Bin(10, 0.3) <= 2) from the binomial table.
    expect(binomialTail(2, 10, 0.3)).toBeCloseTo(0.38278, 5)
    expect(binomialTail(0, 45, 0.05)).toBeCloseTo(0.95 ** 45, 12)
    expect(binomialTail(5000, 5000, 0.2)).toBeCloseTo(1, 9)
  })
})
