import { scoreOf } from '../../src/confidence/apply.ts'
import { fitCalibrator, type Candidate } from '../../src/confidence/fit.ts'
import { aurc, auroc, brier, expectedCalibrationError, riskCoverage, type RiskCoveragePoint } from '../../src/confidence/metrics.ts'
import type { CalibratorData } from '../../src/contracts/score.ts'
import type { Signals } from '../../src/contracts/signals.ts'

/** With some 60 outcomes, ten bins of six are as fine as makes sense. */
const BINS = 10

/** A rung's answer to one case that passed its checks: only such answers are ever scored. */
export interface LabelledAnswer {
  readonly case: string
  readonly signals: Signals
  readonly good: boolean
}

export type Calibration =
  | { readonly fitted: true; readonly data: CalibratorData; readonly candidates: readonly Candidate[]; readonly test: ScoreQuality }
  | { readonly fitted: false; readonly why: string }

/** How good the scores are on answers that nothing was fitted on. NaN where that cannot be told. */
export interface ScoreQuality {
  readonly answers: number
  readonly wrong: number
  readonly ece: number
  readonly brier: number
  readonly auroc: number
  readonly aurc: number
  readonly riskCoverage: readonly RiskCoveragePoint[]
}

/** Fits on the answers of the split `calibration` with the library's own code, and measures on those of `test`. */
export function calibrate(calibration: readonly LabelledAnswer[], test: readonly LabelledAnswer[], now: number): Calibration {
  const outcomes = calibration.map(({ case: id, signals, good }) => ({ id, signals, good }))
  const fit = fitCalibrator(outcomes, { now })
  if (!fit.ok) return { fitted: false, why: fit.reason }
  const scored = test.flatMap(({ signals, good }) => {
    const score = scoreOf(fit.data, signals)
    return score.known ? [{ score: score.value, wrong: !good }] : []
  })
  return {
    fitted: true,
    data: fit.data,
    candidates: fit.candidates,
    test: {
      answers: scored.length,
      wrong: scored.filter(({ wrong }) => wrong).length,
      ece: expectedCalibrationError(scored, BINS),
      brier: brier(scored),
      auroc: auroc(scored),
      aurc: aurc(scored),
      riskCoverage: riskCoverage(scored),
    },
  }
}
