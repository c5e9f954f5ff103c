import type { Signals } from './signals.ts'

/**
 * A fitted map from signals to P(the device's answer is not good enough), as JSON.
 * `platt`: logistic regression over standardised signals (Platt 1999). `isotonic`: pool-adjacent-violators over one of them.
 */
export type CalibratorData = CalibratorMeta & (PlattData | IsotonicData)

interface CalibratorMeta {
  readonly version: 1
  /** How many labelled outcomes it was fitted on, and how many of them were wrong. */
  readonly labels: number
  readonly wrong: number
  readonly fittedAt: number
  /** Out-of-fold score and label of each outcome it was fitted on: what threshold targets are resolved against. */
  readonly outcomes: readonly ScoredOutcome[]
}

export interface PlattData {
  readonly kind: 'platt'
  readonly signals: readonly string[]
  readonly mean: readonly number[]
  readonly scale: readonly number[]
  readonly weights: readonly number[]
  readonly bias: number
}

export interface IsotonicData {
  readonly kind: 'isotonic'
  readonly signal: string
  /** Steps: at or above `x[i]` (ascending) the score is `y[i]`. */
  readonly x: readonly number[]
  readonly y: readonly number[]
}

export interface ScoredOutcome {
  readonly score: number
  readonly wrong: boolean
}

/** A number in [0, 1], or what it is to achieve on labelled outcomes. */
export type Threshold =
  | number
  | { readonly maxError: number; readonly confidence?: number | undefined }
  | { readonly escalationRate: number }

export interface ResolvedThreshold {
  /** A request goes on only if its score is above this. -1 sends everything on. */
  readonly value: number
  /** A sentence: how the number came about, and on how many labels it stands. */
  readonly basis: string
}

/** The judgement of one answer. `unknown` where the engine gives no signals or no calibrator fits. */
export type Score =
  | {
      readonly known: true
      readonly value: number
      readonly signals: Signals
      readonly calibrator: string
      readonly threshold: ResolvedThreshold
    }
  | { readonly known: false; readonly signals: Signals; readonly why: string }
