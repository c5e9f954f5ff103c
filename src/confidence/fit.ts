import type { CalibratorData, IsotonicData, PlattData, ScoredOutcome } from '../contracts/score.ts'
import type { Signals } from '../contracts/signals.ts'
import { fingerprint } from '../utils/hash.ts'
import { scoreOf } from './apply.ts'
import { fitIsotonic } from './isotonic.ts'
import { auroc, logLoss } from './metrics.ts'
import { fitPlatt } from './platt.ts'

const FOLDS = 5
const FEWEST_LABELS = 20
const FEWEST_PER_CLASS = 3

/** A judged answer with its label, as kept in the collection `outcomes`. */
export interface LabelledOutcome {
  readonly id: string
  readonly signals: Signals
  readonly good: boolean
}

export interface FitOptions {
  /** The signals to look at. Default: all that every outcome has and that are not constant. */
  readonly signals?: readonly string[] | undefined
  /** Milliseconds since the epoch, kept in the calibrator. */
  readonly now: number
}

export interface Candidate {
  readonly name: 'platt-best' | 'platt-all' | 'isotonic-best'
  /** Cross-validated, nats per outcome. */
  readonly logLoss: number
}

export type Fit =
  | { readonly ok: true; readonly data: CalibratorData; readonly candidates: readonly Candidate[] }
  /** A sentence: why these outcomes make no calibrator yet. */
  | { readonly ok: false; readonly reason: string }

type Fitted = PlattData | IsotonicData
type Fitter = (training: readonly LabelledOutcome[]) => Fitted

/**
 * Fits a calibrator on labelled outcomes: of Platt scaling over all signals, Platt scaling over the one that separates best, and isotonic
 * regression over that one, the map with the lowest cross-validated log loss. The best signal is chosen inside each fold, on its training
 * part. Folds are stratified by label and follow from the outcomes' ids, so equal outcomes give an equal calibrator in any order.
 * The out-of-fold scores are kept in `outcomes`: thresholds are resolved against scores that no label of their own has shaped.
 */
export function fitCalibrator(outcomes: readonly LabelledOutcome[], options: FitOptions): Fit {
  const sorted = outcomes
    .map((outcome) => ({ outcome, order: fingerprint(outcome.id) + outcome.id }))
    .sort((a, b) => (a.order < b.order ? -1 : 1))
    .map(({ outcome }) => outcome)
  const wrong = sorted.filter(({ good }) => !good)
  const right = sorted.filter(({ good }) => good)
  const few = tooFew(right.length, wrong.length)
  if (few !== undefined) return { ok: false, reason: few }
  const signals = usableSignals(sorted, options.signals)
  if (signals.length === 0) return { ok: false, reason: 'No signal is there for every labelled outcome and differs between them.' }

  const fitters: readonly (readonly [Candidate['name'], Fitter])[] = [
    ['platt-best', (training) => platt(training, [bestSignal(training, signals).name])],
    ['platt-all', (training) => platt(training, signals)],
    ['isotonic-best', (training) => isotonic(training, signals)],
  ]
  const fold = new Map(
    [wrong, right].flatMap((members, classIndex) => members.map(({ id }, i) => [id, (i + classIndex * 2) % FOLDS] as const)),
  )
  const tried = fitters.map(([name, fitter]) => {
    const scored = outOfFold(sorted, fold, fitter)
    return { name, fitter, scored, logLoss: logLoss(scored) }
  })
  const best = tried.reduce((a, b) => (b.logLoss < a.logLoss ? b : a))
  const data: CalibratorData = {
    ...best.fitter(sorted),
    version: 1,
    labels: sorted.length,
    wrong: wrong.length,
    fittedAt: options.now,
    outcomes: best.scored,
  }
  return { ok: true, data, candidates: tried.map(({ name, logLoss }) => ({ name, logLoss })) }
}

function tooFew(right: number, wrong: number): string | undefined {
  const labels = right + wrong
  if (labels < FEWEST_LABELS) return `A calibrator needs at least ${FEWEST_LABELS} labelled outcomes; there are ${labels}.`
  if (Math.min(right, wrong) >= FEWEST_PER_CLASS) return undefined
  return `A calibrator needs at least ${FEWEST_PER_CLASS} right and ${FEWEST_PER_CLASS} wrong outcomes; there are ${right} and ${wrong}.`
}

function usableSignals(outcomes: readonly LabelledOutcome[], wanted: readonly string[] | undefined): readonly string[] {
  const names = wanted ?? Object.keys(outcomes[0]?.signals ?? {})
  return names
    .filter((name) => {
      const first = outcomes[0]?.signals[name]
      return (
        outcomes.every(({ signals }) => Number.isFinite(signals[name])) && outcomes.some(({ signals }) => signals[name] !== first)
      )
    })
    .toSorted()
}

function outOfFold(outcomes: readonly LabelledOutcome[], fold: ReadonlyMap<string, number>, fitter: Fitter): ScoredOutcome[] {
  const maps = Array.from({ length: FOLDS }, (_, f) => fitter(outcomes.filter(({ id }) => fold.get(id) !== f)))
  return outcomes.flatMap(({ id, signals, good }) => {
    const map = maps[fold.get(id) ?? 0]
    const score = map === undefined ? undefined : scoreOf(map, signals)
    return score?.known === true ? [{ score: score.value, wrong: !good }] : []
  })
}

function column(outcomes: readonly LabelledOutcome[], name: string): number[] {
  return outcomes.map(({ signals }) => signals[name] ?? 0)
}

/** The signal whose AUROC for wrong answers is farthest from one half, and whether it rises with them. */
function bestSignal(
  outcomes: readonly LabelledOutcome[],
  names: readonly string[],
): { readonly name: string; readonly rising: boolean } {
  const rated = names.map((name) => {
    const area = auroc(outcomes.map(({ signals, good }) => ({ score: signals[name] ?? 0, wrong: !good })))
    return { name, rising: area >= 0.5, strength: Math.abs(area - 0.5) }
  })
  return rated.reduce((a, b) => (b.strength > a.strength ? b : a))
}

function platt(outcomes: readonly LabelledOutcome[], names: readonly string[]): PlattData {
  const rows = outcomes.map(({ signals }) => names.map((name) => signals[name] ?? 0))
  return fitPlatt(
    names,
    rows,
    outcomes.map(({ good }) => !good),
  )
}

function isotonic(outcomes: readonly LabelledOutcome[], names: readonly string[]): IsotonicData {
  const best = bestSignal(outcomes, names)
  return fitIsotonic(
    best.name,
    column(outcomes, best.name),
    outcomes.map(({ good }) => !good),
    best.rising,
  )
}
