import type { IsotonicData, PlattData } from '../contracts/score.ts'
import type { Signals } from '../contracts/signals.ts'

export type AppliedScore = { readonly known: true; readonly value: number } | { readonly known: false; readonly why: string }

/**
 * P(the device's answer is not good enough) in [0, 1], from its signals.
 * Unknown where a signal that the calibrator was fitted on is missing or not finite: nothing is filled in.
 */
export function scoreOf(data: PlattData | IsotonicData, signals: Signals): AppliedScore {
  const names = data.kind === 'platt' ? data.signals : [data.signal]
  const missing = names.find((name) => !Number.isFinite(signals[name]))
  if (missing !== undefined)
    return { known: false, why: `The signal "${missing}", which the calibrator was fitted on, is missing.` }
  const value = (name: string): number => signals[name] ?? 0
  if (data.kind === 'isotonic') return { known: true, value: stepAt(data.x, data.y, value(data.signal)) }
  const z = data.signals.reduce(
    (sum, name, i) => sum + ((data.weights[i] ?? 0) * (value(name) - (data.mean[i] ?? 0))) / (data.scale[i] ?? 1),
    data.bias,
  )
  return { known: true, value: sigmoid(z) }
}

/** 1 / (1 + exp(-z)), without overflow. */
export function sigmoid(z: number): number {
  if (z >= 0) return 1 / (1 + Math.exp(-z))
  const e = Math.exp(z)
  return e / (1 + e)
}

/** The step function's value at `at`: `y` of the last `x` that is not above it; below all of them, the first. */
function stepAt(x: readonly number[], y: readonly number[], at: number): number {
  let low = 0
  let high = x.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((x[middle] ?? 0) <= at) low = middle + 1
    else high = middle
  }
  return y[Math.max(0, low - 1)] ?? 1
}
