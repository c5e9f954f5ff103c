import type { ResolvedThreshold, ScoredOutcome, Threshold } from '../contracts/score.ts'
import { checkThreshold, fixedThreshold } from './threshold-range.ts'

const DEFAULT_CONFIDENCE = 0.9

/** Sends everything on: no score is at or below it. */
const NOTHING_KEPT = -1

/**
 * Turns a threshold into a number, against labelled outcomes with out-of-fold scores (`CalibratorData.outcomes`).
 * - a number in [0, 1] is taken as it is;
 * - `{ maxError, confidence = 0.9 }`: the highest threshold at which, with probability `confidence` over the draw of the labelled
 *   outcomes, at most `maxError` of the answers that are kept are wrong. It holds for requests like those that were labelled. Learn then
 *   Test (Angelopoulos et al. 2021) by fixed-sequence testing: from the fewest kept that could pass at all, one score further at a time
 *   until a test fails; each test is the exact binomial tail of the errors among the kept (Clopper & Pearson 1934; the selective risk of
 *   Geifman & El-Yaniv 2017);
 * - `{ escalationRate }`: the lowest threshold that lets at most that share of the outcomes go on (an empirical quantile, no guarantee).
 *
 * -1, which sends everything on, where the outcomes are too few or too wrong for the target; `basis` says so.
 * @throws UsageError `invalid-option` for a threshold outside its range
 */
export function resolveThreshold(threshold: Threshold, outcomes: readonly ScoredOutcome[]): ResolvedThreshold {
  checkThreshold(threshold)
  if (typeof threshold === 'number') return fixedThreshold(threshold)
  const scores = outcomes.toSorted((a, b) => a.score - b.score)
  if ('escalationRate' in threshold) {
    return atRate(threshold.escalationRate, scores)
  }
  const { maxError, confidence = DEFAULT_CONFIDENCE } = threshold
  return atError(maxError, confidence, scores)
}

/** P(Binomial(n, p) <= k), summed in logarithms. */
export function binomialTail(k: number, n: number, p: number): number {
  let term = n * Math.log1p(-p)
  let sum = Math.exp(term)
  const odds = Math.log(p) - Math.log1p(-p)
  for (let i = 1; i <= k; i += 1) {
    term += Math.log((n - i + 1) / i) + odds
    sum += Math.exp(term)
  }
  return Math.min(1, sum)
}

function atRate(rate: number, sorted: readonly ScoredOutcome[]): ResolvedThreshold {
  const n = sorted.length
  if (n === 0) return { value: NOTHING_KEPT, basis: 'No outcomes yet to set an escalation rate on: everything goes on.' }
  const kept = Math.ceil(n * (1 - rate) - 1e-9)
  const value = kept === 0 ? NOTHING_KEPT : (sorted[kept - 1]?.score ?? NOTHING_KEPT)
  return { value, basis: `At most ${percent(rate)} of ${n} outcomes score above it.` }
}

function atError(maxError: number, confidence: number, sorted: readonly ScoredOutcome[]): ResolvedThreshold {
  const n = sorted.length
  const delta = 1 - confidence
  // Fewer than this cannot pass even with no error among them: (1 - maxError)^fewest <= delta.
  const fewest = Math.ceil(Math.log(delta) / Math.log1p(-maxError))
  let wrong = 0
  let best = 0
  let wrongAtBest = 0
  for (const [i, outcome] of sorted.entries()) {
    wrong += Number(outcome.wrong)
    const kept = i + 1
    // Equal scores are kept or sent on together.
    if (kept < fewest || sorted[kept]?.score === outcome.score) continue
    if (binomialTail(wrong, kept, maxError) > delta) break
    best = kept
    wrongAtBest = wrong
  }
  const target = `at most ${percent(maxError)} wrong among the kept, with confidence ${percent(confidence)}`
  const value = sorted[best - 1]?.score
  if (value !== undefined) {
    return {
      value,
      basis: `Learn then Test on ${n} labels: ${target}; ${wrongAtBest} of ${best} were wrong at or below it.`,
    }
  }
  const why = n < fewest ? `${n} labels are too few (${fewest} at the least)` : `${n} labels do not show it at any score`
  return { value: NOTHING_KEPT, basis: `Target: ${target}; ${why}, so everything goes on.` }
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))} %`
}
