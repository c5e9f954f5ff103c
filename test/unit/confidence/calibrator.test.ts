import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { scoreOf } from '../../../src/confidence/apply.ts'
import { calibrationKey } from '../../../src/confidence/calibration-key.ts'
import { fitCalibrator, type LabelledOutcome } from '../../../src/confidence/fit.ts'
import { fitIsotonic, poolAdjacentViolators } from '../../../src/confidence/isotonic.ts'
import { aurc, auroc, brier, expectedCalibrationError, logLoss, riskCoverage } from '../../../src/confidence/metrics.ts'
import { fitPlatt } from '../../../src/confidence/platt.ts'
import { seededRandom } from '../../../src/utils/random.ts'

/** Outcomes whose P(wrong) is sigmoid(slope * signal), with a second signal that says nothing. */
function simulate(count: number, seed: number, slope = -2): LabelledOutcome[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, (_, i) => {
    const margin = 4 * random() - 2
    return { id: `o${i}`, signals: { margin, noise: random(), constant: 1 }, good: random() > 1 / (1 + Math.exp(-slope * margin)) }
  })
}

describe('fitPlatt', () => {
  it('finds the coefficients the labels were drawn with', () => {
    const data = simulate(4000, 1)
    const fit = fitPlatt(
      ['margin'],
      data.map(({ signals }) => [signals['margin'] ?? 0]),
      data.map(({ good }) => !good),
    )
    expect((fit.weights[0] ?? 0) / (fit.scale[0] ?? 1)).toBeCloseTo(-2, 0)
  })

  it('stays finite and off 0 and 1 on separable data', () => {
    const fit = fitPlatt(['x'], [[0], [1], [2], [3]], [false, false, true, true])
    const low = scoreOf(fit, { x: 0 })
    const high = scoreOf(fit, { x: 3 })
    expect(low.known && low.value).toBeGreaterThan(0.01)
    expect(high.known && high.value).toBeLessThan(0.99)
    expect(high.known && low.known && high.value > low.value).toBe(true)
  })
})

describe('poolAdjacentViolators', () => {
  it('is non-decreasing, keeps the mean, and no non-decreasing fit is nearer', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 1, maxLength: 30 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 30, maxLength: 30 }),
        (values, steps) => {
          const fitted = poolAdjacentViolators(values)
          const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0)
          const distance = (other: readonly number[]): number => sum(values.map((value, i) => (value - (other[i] ?? 0)) ** 2))
          let level = -10
          const rival = values.map((_, i) => (level += steps[i] ?? 0))
          return (
            fitted.every((value, i) => i === 0 || value >= (fitted[i - 1] ?? 0) - 1e-9) &&
            Math.abs(sum(fitted) - sum(values)) < 1e-6 &&
            distance(fitted) <= distance(rival) + 1e-6
          )
        },
      ),
    )
  })

  it('leaves a sorted list alone', () => {
    expect(poolAdjacentViolators([1, 2, 3])).toEqual([1, 2, 3])
    expect(poolAdjacentViolators([3, 1, 2])).toEqual([2, 2, 2])
  })
})

describe('fitIsotonic', () => {
  it('falls where the signal speaks for the answer', () => {
    const values = [0.1, 0.2, 0.3, 0.7, 0.8, 0.9]
    const fit = fitIsotonic('margin', values, [true, true, false, true, false, false], false)
    const scores = values.map((margin) => scoreOf(fit, { margin }))
    expect(scores.every((score, i) => score.known && (i === 0 || (scores[i - 1]?.known === true && score.value <= 1)))).toBe(true)
    expect(fit.y).toEqual([7 / 8, 0.5, 1 / 8])
    expect(fit.x).toEqual([0.1, 0.3, 0.8])
  })
})

describe('fitCalibrator', () => {
  it('is calibrated and useful on outcomes it has not seen', () => {
    const fit = fitCalibrator(simulate(600, 2), { now: 5 })
    if (!fit.ok) throw new Error(fit.reason)
    const fresh = simulate(3000, 3).flatMap(({ signals, good }) => {
      const score = scoreOf(fit.data, signals)
      return score.known ? [{ score: score.value, wrong: !good }] : []
    })
    expect(fresh).toHaveLength(3000)
    expect(expectedCalibrationError(fresh)).toBeLessThan(0.05)
    expect(auroc(fresh)).toBeGreaterThan(0.85)
    expect(fit.data).toMatchObject({ version: 1, labels: 600, fittedAt: 5 })
    expect(fit.data.outcomes).toHaveLength(600)
  })

  it('does not depend on the order of the outcomes', () => {
    const data = simulate(80, 4)
    expect(fitCalibrator(data.toReversed(), { now: 0 })).toEqual(fitCalibrator(data, { now: 0 }))
  })

  it('takes the map with the lowest cross-validated log loss', () => {
    // P(wrong) is 0.9 inside a narrow band of low values and 0.1 elsewhere: a step, which no logistic curve follows.
    const random = seededRandom(6)
    const data = Array.from({ length: 1000 }, (_, i) => {
      const x = random()
      return { id: `s${i}`, signals: { x }, good: random() < (x < 0.1 ? 0.05 : 0.95) }
    })
    const fit = fitCalibrator(data, { now: 0 })
    if (!fit.ok) throw new Error(fit.reason)
    expect(fit.data.kind).toBe('isotonic')
    const least = Math.min(...fit.candidates.map((candidate) => candidate.logLoss))
    expect(fit.candidates.find(({ name }) => name === 'isotonic-best')?.logLoss).toBe(least)
    expect(logLoss(fit.data.outcomes)).toBe(least)
  })

  it('says why it does not fit', () => {
    expect(fitCalibrator(simulate(10, 1), { now: 0 })).toEqual({
      ok: false,
      reason: 'A calibrator needs at least 20 labelled outcomes; there are 10.',
    })
    const allGood = simulate(30, 1).map(({ id, signals }) => ({ id, signals, good: true }))
    expect(fitCalibrator(allGood, { now: 0 })).toMatchObject({ ok: false, reason: expect.stringContaining('30 and 0') })
    expect(fitCalibrator(simulate(30, 1), { now: 0, signals: ['constant'] })).toMatchObject({ ok: false })
  })
})

describe('scoreOf', () => {
  it('is unknown without a signal that it needs', () => {
    const fit = fitPlatt(
      ['x', 'y'],
      [
        [0, 1],
        [1, 0],
      ],
      [true, false],
    )
    expect(scoreOf(fit, { x: 1 })).toEqual({ known: false, why: expect.stringContaining('"y"') })
    expect(scoreOf(fit, { x: 1, y: Number.NaN }).known).toBe(false)
  })
})

describe('calibrationKey', () => {
  it('names task, rung and model', () => {
    const key = calibrationKey({ name: 'triage', version: 2, hash: 'abc' }, 'head', {
      model: 'org/name',
      revision: 'main',
      dtype: 'q8',
      backend: 'wasm',
    })
    expect(key).toBe('triage@2#abc/head/org/name@main:q8:wasm')
  })
})

describe('metrics', () => {
  const four = [
    { score: 0.1, wrong: false },
    { score: 0.4, wrong: true },
    { score: 0.35, wrong: false },
    { score: 0.8, wrong: true },
  ]

  it('agree with values worked out by hand', () => {
    expect(auroc(four)).toBe(1)
    expect(auroc([...four, { score: 0.9, wrong: false }])).toBeCloseTo(4 / 6)
    expect(
      auroc([
        { score: 0.5, wrong: false },
        { score: 0.5, wrong: true },
      ]),
    ).toBe(0.5)
    expect(brier(four)).toBeCloseTo((0.01 + 0.36 + 0.1225 + 0.04) / 4)
    expect(riskCoverage(four).map(({ risk }) => risk)).toEqual([0, 0, 1 / 3, 0.5])
    expect(aurc(four)).toBeCloseTo((0 + 0 + 1 / 3 + 0.5) / 4)
    expect(expectedCalibrationError(four, 2)).toBeCloseTo(0.5 * 0.225 + 0.5 * 0.4)
  })
})
