import type { ScoredOutcome } from '../contracts/score.ts'

export interface RiskCoveragePoint {
  /** Share of the requests that are kept, those with the lowest scores. */
  readonly coverage: number
  /** Share of wrong answers among the kept. */
  readonly risk: number
  /** The highest score that is kept. */
  readonly threshold: number
}

/** Mean squared difference of score and label (Brier 1950). NaN for no outcomes. */
export function brier(outcomes: readonly ScoredOutcome[]): number {
  return mean(outcomes.map(({ score, wrong }) => (score - Number(wrong)) ** 2))
}

/** Mean negative log-likelihood in nats; scores are kept 1e-12 away from 0 and 1. NaN for no outcomes. */
export function logLoss(outcomes: readonly ScoredOutcome[]): number {
  return mean(outcomes.map(({ score, wrong }) => -Math.log(Math.min(Math.max(wrong ? score : 1 - score, 1e-12), 1))))
}

/**
 * Expected calibration error over bins of equal mass (Naeini et al. 2015, with the equal-mass bins of Nixon et al. 2019):
 * sum over the bins of share * |mean score - share wrong|. NaN for no outcomes.
 */
export function expectedCalibrationError(outcomes: readonly ScoredOutcome[], bins = 15): number {
  if (outcomes.length === 0) return Number.NaN
  const sorted = outcomes.toSorted((a, b) => a.score - b.score)
  let error = 0
  for (let bin = 0; bin < bins; bin += 1) {
    const part = sorted.slice(Math.floor((bin * sorted.length) / bins), Math.floor(((bin + 1) * sorted.length) / bins))
    if (part.length === 0) continue
    const gap = Math.abs(mean(part.map(({ score }) => score)) - mean(part.map(({ wrong }) => Number(wrong))))
    error += (part.length / sorted.length) * gap
  }
  return error
}

/** P(a wrong answer's score is above a right one's), ties half: Mann-Whitney U by mid-ranks. NaN unless both classes are there. */
export function auroc(outcomes: readonly ScoredOutcome[]): number {
  const sorted = outcomes.toSorted((a, b) => a.score - b.score)
  const positives = sorted.filter(({ wrong }) => wrong).length
  const negatives = sorted.length - positives
  let rankSum = 0
  for (let from = 0; from < sorted.length;) {
    let to = from
    while (to < sorted.length && sorted[to]?.score === sorted[from]?.score) to += 1
    const middleRank = (from + 1 + to) / 2
    rankSum += middleRank * sorted.slice(from, to).filter(({ wrong }) => wrong).length
    from = to
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives)
}

/** Risk-coverage curve (El-Yaniv & Wiener 2010): one point per distinct score, from the surest answer to all of them. */
export function riskCoverage(outcomes: readonly ScoredOutcome[]): readonly RiskCoveragePoint[] {
  const sorted = outcomes.toSorted((a, b) => a.score - b.score)
  const points: RiskCoveragePoint[] = []
  let wrongSoFar = 0
  sorted.forEach(({ score, wrong }, i) => {
    wrongSoFar += Number(wrong)
    if (sorted[i + 1]?.score === score) return
    points.push({ coverage: (i + 1) / sorted.length, risk: wrongSoFar / (i + 1), threshold: score })
  })
  return points
}

/** Area under the risk-coverage curve (Geifman et al. 2019), as the mean risk over coverages; lower is better. NaN for no outcomes. */
export function aurc(outcomes: readonly ScoredOutcome[]): number {
  let before = 0
  let area = 0
  for (const { coverage, risk } of riskCoverage(outcomes)) {
    area += risk * (coverage - before)
    before = coverage
  }
  return outcomes.length === 0 ? Number.NaN : area
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
