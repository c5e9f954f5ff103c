import type { CalibratorFile } from '../../src/confidence/scorer.ts'
import type { Threshold } from '../../src/contracts/score.ts'
import { mean, quantile } from '../stats.ts'
import { calibrate, type Calibration, type LabelledAnswer } from './calibrate.ts'
import { settleCases, type LadderFigures, type LadderRung, type Price, type RungAnswer } from './ladder.ts'
import type { RawOutcome } from './outcome.ts'
import type { SuiteTask } from './suite.ts'

const THRESHOLDS: readonly Threshold[] = [
  0.05,
  0.1,
  0.2,
  0.3,
  0.5,
  { maxError: 0.05, confidence: 0.9 },
  { maxError: 0.1, confidence: 0.9 },
  { maxError: 0.2, confidence: 0.9 },
]

/** What a rung answered in one split. */
export interface RungFigures {
  readonly task: string
  readonly rung: string
  readonly split: string
  readonly cases: number
  /** Share that passed the task's checks. */
  readonly valid: number
  /** Share of all cases for which a judgement is true; an invalid answer is never right. */
  readonly judged: Readonly<Record<string, number>>
  /** Milliseconds of one answer, repair passes included. */
  readonly p50: number
  readonly p95: number
  /** Means over the cases. */
  readonly promptTokens: number
  readonly completionTokens: number
  /** Mean cosine similarity of the valid answers to their references, where the suite compares them. */
  readonly similarity?: number | undefined
  /** Why answers were not valid: the check's name -> how many. */
  readonly problems: Readonly<Record<string, number>>
}

export interface RungCalibration {
  readonly task: string
  readonly rung: string
  readonly key: string
  readonly calibration: Calibration
}

/** How a rung does on the cases that the rung before it gets wrong, and on those it gets right; on the split `calibration`. */
export interface SecondOpinion {
  readonly task: string
  readonly first: string
  readonly second: string
  readonly firstWrong: number
  readonly secondRightThere: number
  readonly firstRight: number
  readonly secondWrongThere: number
}

export interface Ladder {
  readonly task: string
  readonly rungs: readonly string[]
  readonly figures: readonly LadderFigures[]
}

export interface Report {
  readonly suite: string
  readonly rungs: readonly RungFigures[]
  readonly calibrations: readonly RungCalibration[]
  readonly secondOpinions: readonly SecondOpinion[]
  readonly ladders: readonly Ladder[]
}

export interface ReportOptions {
  readonly suite: string
  readonly price: Price
  /** Milliseconds since the epoch, kept in the calibrators. */
  readonly now: number
}

/** All figures from raw answers: labels on both splits, calibrators fitted on `calibration` alone, everything reported on `test`. */
export function makeReport(tasks: readonly SuiteTask[], outcomes: readonly RawOutcome[], options: ReportOptions): Report {
  const parts = tasks.map((task) => reportTask(task, outcomes, options))
  return {
    suite: options.suite,
    rungs: parts.flatMap(({ rungs }) => rungs),
    calibrations: parts.flatMap(({ calibrations }) => calibrations),
    secondOpinions: parts.flatMap(({ secondOpinions }) => secondOpinions),
    ladders: parts.flatMap(({ ladders }) => ladders),
  }
}

/** The calibrators, in the form that the runtime imports. */
export function calibratorFile({ calibrations }: Report): CalibratorFile {
  const fitted = calibrations.flatMap(({ key, calibration }) => (calibration.fitted ? [[key, calibration.data] as const] : []))
  return { version: 1, calibrators: Object.fromEntries(fitted) }
}

function reportTask(task: SuiteTask, all: readonly RawOutcome[], { price, now }: ReportOptions): Omit<Report, 'suite'> {
  const split = new Map(task.cases.map(({ id, split }) => [id, split]))
  const ofRung = (rung: string, wanted: string): readonly RawOutcome[] =>
    all.filter((outcome) => outcome.task === task.name && outcome.rung === rung && split.get(outcome.case) === wanted)
  const rungs = task.rungs.map(({ id }) => ({ id, calibration: ofRung(id, 'calibration'), test: ofRung(id, 'test') }))
  const measured = rungs.filter(({ calibration, test }) => calibration.length + test.length > 0)

  const calibrations = measured.flatMap(({ id, calibration, test }): RungCalibration[] => {
    const key = (test[0] ?? calibration[0])?.key
    if (task.good === undefined || key === undefined) return []
    return [{ task: task.name, rung: id, key, calibration: calibrate(labelled(task, calibration), labelled(task, test), now) }]
  })
  const calibratorOf = (rung: string): LadderRung['calibrator'] => {
    const found = calibrations.find((each) => each.rung === rung)?.calibration
    return found?.fitted === true ? found.data : undefined
  }
  const ladderRungs = measured.map(({ id, test }): LadderRung => ({
    id,
    calibrator: calibratorOf(id),
    answers: answers(task, test),
  }))
  const onAll = (ladder: readonly LadderRung[]): readonly string[] =>
    task.cases.flatMap(({ id }) => (ladder.every(({ answers }) => answers.has(id)) ? [id] : []))
  // The whole ladder, and each rung alone to see what the others add.
  const combinations = ladderRungs.length > 1 ? [ladderRungs, ...ladderRungs.map((rung) => [rung])] : [ladderRungs]
  const ladders = combinations.flatMap((ladder): Ladder[] => {
    const cases = onAll(ladder)
    if (task.good === undefined || ladder.length === 0 || cases.length === 0) return []
    const settle = { whenUnknown: task.whenUnknown, lengthOf: (id: string) => task.frontierLength(id), price }
    const figures = THRESHOLDS.map((threshold) => settleCases(ladder, cases, threshold, settle))
    return [{ task: task.name, rungs: ladder.map(({ id }) => id), figures }]
  })

  return {
    rungs: measured.flatMap(({ id, calibration, test }) => [
      ...rungFigures(task, id, 'calibration', calibration),
      ...rungFigures(task, id, 'test', test),
    ]),
    calibrations,
    secondOpinions: secondOpinions(task, measured),
    ladders,
  }
}

function rungFigures(task: SuiteTask, rung: string, split: string, outcomes: readonly RawOutcome[]): RungFigures[] {
  if (outcomes.length === 0) return []
  const judged = outcomes.map((outcome) => (outcome.value === undefined ? {} : task.judge(outcome.value, outcome.case)))
  const names = [...new Set(judged.flatMap((judgement) => Object.keys(judgement)))]
  const share = (count: number): number => count / outcomes.length
  const times = outcomes.map(({ milliseconds }) => milliseconds)
  const similarities = outcomes.flatMap(({ similarity }) => similarity ?? [])
  const problems: Record<string, number> = {}
  for (const { value, problem = '' } of outcomes) {
    if (value !== undefined) continue
    const check = problem.split(':')[0] ?? ''
    problems[check] = (problems[check] ?? 0) + 1
  }
  return [
    {
      task: task.name,
      rung,
      split,
      cases: outcomes.length,
      valid: share(outcomes.filter(({ value }) => value !== undefined).length),
      judged: Object.fromEntries(names.map((name) => [name, share(judged.filter((judgement) => judgement[name] === true).length)])),
      p50: quantile(times, 0.5),
      p95: quantile(times, 0.95),
      promptTokens: mean(outcomes.map(({ usage, signals }) => usage.promptTokens || (signals['promptTokens'] ?? 0))),
      completionTokens: mean(outcomes.map(({ usage }) => usage.completionTokens)),
      similarity: similarities.length === 0 ? undefined : mean(similarities),
      problems,
    },
  ]
}

function isGood(task: SuiteTask, { value, case: id }: RawOutcome): boolean {
  return value !== undefined && task.good !== undefined && task.judge(value, id)[task.good] === true
}

function labelled(task: SuiteTask, outcomes: readonly RawOutcome[]): readonly LabelledAnswer[] {
  return outcomes.flatMap((outcome) => {
    const { case: id, signals, value } = outcome
    return value === undefined ? [] : [{ case: id, signals, good: isGood(task, outcome) }]
  })
}

function answers(task: SuiteTask, outcomes: readonly RawOutcome[]): ReadonlyMap<string, RungAnswer> {
  return new Map(
    outcomes.map((outcome) => {
      const { case: id, signals, value } = outcome
      return [id, { valid: value !== undefined, good: isGood(task, outcome), signals }]
    }),
  )
}

function secondOpinions(
  task: SuiteTask,
  rungs: readonly { readonly id: string; readonly calibration: readonly RawOutcome[] }[],
): SecondOpinion[] {
  return rungs.slice(1).flatMap((second, i): SecondOpinion[] => {
    const first = rungs[i]
    if (first === undefined || task.good === undefined) return []
    const theirs = new Map(second.calibration.map((outcome) => [outcome.case, isGood(task, outcome)]))
    const pairs = first.calibration.flatMap((outcome) => {
      const right = theirs.get(outcome.case)
      return right === undefined ? [] : [{ first: isGood(task, outcome), second: right }]
    })
    const wrong = pairs.filter((pair) => !pair.first)
    const right = pairs.filter((pair) => pair.first)
    if (pairs.length === 0) return []
    return [
      {
        task: task.name,
        first: first.id,
        second: second.id,
        firstWrong: wrong.length,
        secondRightThere: wrong.filter((pair) => pair.second).length,
        firstRight: right.length,
        secondWrongThere: right.filter((pair) => !pair.second).length,
      },
    ]
  })
}
