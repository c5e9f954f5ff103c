import { scoreOf } from '../../src/confidence/apply.ts'
import { resolveThreshold } from '../../src/confidence/threshold.ts'
import type { CalibratorData, Threshold } from '../../src/contracts/score.ts'
import type { Signals } from '../../src/contracts/signals.ts'
import type { WhenUnknown } from '../../src/contracts/task.ts'

/** What one rung made of one case. */
export interface RungAnswer {
  /** It passed the task's checks. */
  readonly valid: boolean
  readonly good: boolean
  readonly signals: Signals
}

export interface LadderRung {
  readonly id: string
  readonly calibrator: CalibratorData | undefined
  /** By case id. */
  readonly answers: ReadonlyMap<string, RungAnswer>
}

/** Characters of what would go out and come back. */
export interface FrontierLength {
  readonly prompt: number
  readonly answer: number
}

/** Per million tokens. */
export interface Price {
  readonly input: number
  readonly output: number
}

export interface LadderFigures {
  readonly threshold: string
  /** Rung -> the threshold its scores are held against; -1 sends everything on. Absent where it has no calibrator. */
  readonly resolved: Readonly<Record<string, number>>
  readonly cases: number
  /** Share of the cases that settle on the device, in all and by rung. */
  readonly kept: number
  readonly keptBy: Readonly<Record<string, number>>
  readonly wrongKept: number
  /** Share of wrong answers among the kept; NaN where nothing is kept. */
  readonly error: number
  /** Estimated money for the escalated of 1,000 such requests, and for all of them at the frontier. */
  readonly costPer1000: number
  readonly costOfAll: number
}

/** As the library estimates it where no tokenizer of the frontier model is at hand. */
const CHARACTERS_PER_TOKEN = 4

/**
 * How the pipeline would settle each case: rungs from the smallest, the first valid answer whose score is not above the threshold
 * stays, everything else goes to the frontier. Thresholds are resolved against the calibrators' own outcomes, as in the runtime.
 */
export function settleCases(
  rungs: readonly LadderRung[],
  cases: readonly string[],
  threshold: Threshold,
  options: {
    readonly whenUnknown: WhenUnknown
    readonly lengthOf: (caseId: string) => FrontierLength
    readonly price: Price
  },
): LadderFigures {
  const resolved = Object.fromEntries(
    rungs.flatMap(({ id, calibrator }) =>
      calibrator === undefined ? [] : [[id, resolveThreshold(threshold, calibrator.outcomes).value]],
    ),
  )
  const keptBy = new Map(rungs.map(({ id }) => [id, 0]))
  let wrongKept = 0
  let escalatedCost = 0
  let allCost = 0
  for (const id of cases) {
    const cost = costOf(options.lengthOf(id), options.price)
    allCost += cost
    const keeper = rungs.find((rung) => keeps(rung, id, resolved[rung.id], options.whenUnknown))
    if (keeper === undefined) escalatedCost += cost
    else {
      keptBy.set(keeper.id, (keptBy.get(keeper.id) ?? 0) + 1)
      if (keeper.answers.get(id)?.good !== true) wrongKept += 1
    }
  }
  const kept = [...keptBy.values()].reduce((sum, count) => sum + count, 0)
  return {
    threshold: thresholdText(threshold),
    resolved,
    cases: cases.length,
    kept: kept / cases.length,
    keptBy: Object.fromEntries([...keptBy].map(([id, count]) => [id, count / cases.length])),
    wrongKept,
    error: wrongKept / kept,
    costPer1000: (1000 * escalatedCost) / cases.length,
    costOfAll: (1000 * allCost) / cases.length,
  }
}

function keeps(rung: LadderRung, caseId: string, threshold: number | undefined, whenUnknown: WhenUnknown): boolean {
  const answer = rung.answers.get(caseId)
  if (answer?.valid !== true) return false
  const score = rung.calibrator === undefined ? undefined : scoreOf(rung.calibrator, answer.signals)
  if (score?.known !== true || threshold === undefined) return whenUnknown === 'keep'
  return score.value <= threshold
}

function costOf({ prompt, answer }: FrontierLength, price: Price): number {
  const tokens = (characters: number): number => Math.ceil(characters / CHARACTERS_PER_TOKEN)
  return (tokens(prompt) * price.input + tokens(answer) * price.output) / 1e6
}

export function thresholdText(threshold: Threshold): string {
  if (typeof threshold === 'number') return String(threshold)
  if ('escalationRate' in threshold) return `escalationRate ${threshold.escalationRate}`
  return `maxError ${threshold.maxError}, confidence ${threshold.confidence ?? 0.9}`
}
