import type { PlattData } from '../contracts/score.ts'
import { sigmoid } from './apply.ts'

const NEWTON_STEPS = 30
const CONVERGED = 1e-8

/**
 * L2-regularised logistic regression for P(wrong) over standardised columns, by Newton's method (IRLS).
 * Targets are smoothed as in Platt 1999 ("Probabilistic outputs for support vector machines", section 2.2):
 * (N+ + 1) / (N+ + 2) and 1 / (N- + 2), so that separable data give finite weights and no score is exactly 0 or 1.
 * @param rows one array of signals per outcome, in the order of `signals`
 * @param penalty weight of |w|^2 / 2 against the summed log loss; the bias is free
 */
export function fitPlatt(
  signals: readonly string[],
  rows: readonly (readonly number[])[],
  wrong: readonly boolean[],
  penalty = 1,
): PlattData {
  const p = signals.length
  const n = rows.length
  const mean = signals.map((_, j) => rows.reduce((sum, row) => sum + (row[j] ?? 0), 0) / n)
  const scale = signals.map((_, j) => {
    const variance = rows.reduce((sum, row) => sum + ((row[j] ?? 0) - (mean[j] ?? 0)) ** 2, 0) / n
    return variance > 0 ? Math.sqrt(variance) : 1
  })
  const design = rows.map((row) => [...row.map((value, j) => (value - (mean[j] ?? 0)) / (scale[j] ?? 1)), 1])
  const positives = wrong.filter(Boolean).length
  const high = (positives + 1) / (positives + 2)
  const low = 1 / (n - positives + 2)

  const weights = Array.from({ length: p + 1 }, () => 0)
  weights[p] = Math.log((positives + 1) / (n - positives + 1))
  let loss = lossOf(weights)
  for (let step = 0; step < NEWTON_STEPS; step += 1) {
    const gradient = weights.map((w, j) => (j < p ? penalty * w : 0))
    const hessian = weights.map((_, j) => weights.map((__, k) => (j === k ? (j < p ? penalty : 1e-9) : 0)))
    design.forEach((row, i) => {
      const q = sigmoid(dot(weights, row))
      const residual = q - (wrong[i] === true ? high : low)
      const curvature = q * (1 - q)
      row.forEach((a, j) => {
        gradient[j] = (gradient[j] ?? 0) + residual * a
        const line = hessian[j] ?? []
        row.forEach((b, k) => {
          line[k] = (line[k] ?? 0) + curvature * a * b
        })
      })
    })
    const direction = solve(hessian, gradient)
    // The loss is convex, so halving the Newton step always ends in a descent.
    let size = 1
    let next = weights
    let nextLoss = Infinity
    for (; size > 1e-6 && nextLoss > loss; size /= 2) {
      const trial = size
      next = weights.map((w, j) => w - trial * (direction[j] ?? 0))
      nextLoss = lossOf(next)
    }
    if (!(nextLoss < loss)) break
    const gain = loss - nextLoss
    next.forEach((w, j) => {
      weights[j] = w
    })
    loss = nextLoss
    if (gain < CONVERGED) break
  }
  return { kind: 'platt', signals, mean, scale, weights: weights.slice(0, p), bias: weights[p] ?? 0 }

  function lossOf(w: readonly number[]): number {
    const fit = design.reduce((sum, row, i) => {
      const z = dot(w, row)
      const target = wrong[i] === true ? high : low
      return sum + Math.max(z, 0) - target * z + Math.log1p(Math.exp(-Math.abs(z)))
    }, 0)
    return fit + (penalty / 2) * w.slice(0, p).reduce((sum, value) => sum + value * value, 0)
  }
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
}

/** Solves `matrix * x = right` for a symmetric positive definite matrix, by elimination (no pivoting needed). */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const size = right.length
  const a = matrix.map((line, i) => [...line, right[i] ?? 0])
  for (let i = 0; i < size; i += 1) {
    const pivot = a[i] ?? []
    for (let r = i + 1; r < size; r += 1) {
      const line = a[r] ?? []
      const factor = (line[i] ?? 0) / (pivot[i] ?? 1)
      for (let c = i; c <= size; c += 1) line[c] = (line[c] ?? 0) - factor * (pivot[c] ?? 0)
    }
  }
  const x = Array.from({ length: size }, () => 0)
  for (let i = size - 1; i >= 0; i -= 1) {
    const line = a[i] ?? []
    let rest = line[size] ?? 0
    for (let c = i + 1; c < size; c += 1) rest -= (line[c] ?? 0) * (x[c] ?? 0)
    x[i] = rest / (line[i] ?? 1)
  }
  return x
}
