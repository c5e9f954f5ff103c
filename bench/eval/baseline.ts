import type { Report } from './report.ts'

/** Shares that a later run is held against. All are better when higher. */
export interface Baseline {
  readonly version: 1
  readonly suite: string
  readonly metrics: Readonly<Record<string, number>>
}

export interface Regression {
  readonly metric: string
  readonly was: number
  /** Absent where the run has no such figure any more. */
  readonly is?: number | undefined
}

/** Share valid, shares right and AUROC on `test`. Latency is left out: it belongs to the machine. */
export function baselineOf(report: Report): Baseline {
  const metrics: Record<string, number> = {}
  for (const { task, rung, split, valid, judged } of report.rungs) {
    if (split !== 'test') continue
    metrics[`${task}/${rung}/valid`] = valid
    for (const [name, share] of Object.entries(judged)) metrics[`${task}/${rung}/${name}`] = share
  }
  for (const { task, rung, calibration } of report.calibrations) {
    if (calibration.fitted && !Number.isNaN(calibration.test.auroc)) metrics[`${task}/${rung}/AUROC`] = calibration.test.auroc
  }
  return { version: 1, suite: report.suite, metrics }
}

/** What is worse than the baseline by more than the tolerance, or is missing. */
export function regressions(baseline: Baseline, now: Baseline, tolerance: number): readonly Regression[] {
  return Object.entries(baseline.metrics).flatMap(([metric, was]): Regression[] => {
    const is = now.metrics[metric]
    return is === undefined || is < was - tolerance - 1e-9 ? [{ metric, was, is }] : []
  })
}

/** A baseline out of its JSON. Throws where it is none, or one of another suite. */
export function parseBaseline(json: unknown, suite: string): Baseline {
  if (
    typeof json !== 'object' ||
    json === null ||
    !('metrics' in json) ||
    !('suite' in json) ||
    !('version' in json) ||
    json.version !== 1
  )
    throw new Error('Not a baseline file: expected { version: 1, suite, metrics } as --write-baseline writes it.')
  if (json.suite !== suite) throw new Error(`The baseline is of the suite ${String(json.suite)}, not ${suite}.`)
  const { metrics } = json
  if (typeof metrics !== 'object' || metrics === null) throw new Error('The baseline has no metrics.')
  const numbers = Object.entries(metrics).map(([name, value]: [string, unknown]) => {
    if (typeof value !== 'number') throw new Error(`The baseline's ${name} is not a number.`)
    return [name, value] as const
  })
  return { version: 1, suite, metrics: Object.fromEntries(numbers) }
}
