import type { OutcomeRecord } from '../contracts/records.ts'
import type { CalibratorData, ResolvedThreshold, Score, Threshold } from '../contracts/score.ts'
import type { Signals } from '../contracts/signals.ts'
import type { Store } from '../contracts/store.ts'
import { UsageError } from '../errors/usage-error.ts'
import { isRecord } from '../utils/json.ts'
import { scoreOf } from './apply.ts'
import { checkThreshold, fixedThreshold } from './threshold-range.ts'

/** Calibrators by calibration key (task, version, prompt hash, rung, model, revision, dtype, backend), as JSON. */
export interface CalibratorFile {
  readonly version: 1
  readonly calibrators: Readonly<Record<string, CalibratorData>>
}

export type FitReport =
  | { readonly fitted: true; readonly key: string; readonly labels: number }
  | { readonly fitted: false; readonly key: string; readonly why: string }

/** Judges answers by what is known of earlier ones: the pipeline's `score` stage, its labels and its calibrators. */
export interface Scorer {
  threshold: Threshold
  score(key: string, signals: Signals): Promise<Score>
  /** Says whether the device's answer of an earlier request was good enough; false if nothing is known of that request. */
  label(requestId: string, good: boolean): Promise<boolean>
  /** Fits calibrators on the labelled outcomes of each key and uses them from now on. */
  fit(): Promise<readonly FitReport[]>
  exportCalibrators(): Promise<CalibratorFile>
  /** Adds calibrators; one that is newer here stays. Throws UsageError('invalid-option') where the file is not of this form. */
  importCalibrators(file: unknown): Promise<void>
  /** Forgets what was read from the store, which somebody has emptied. */
  forget(): void
}

export interface ScorerOptions {
  readonly store: Store
  readonly threshold: Threshold
  readonly now: () => number
}

export function createScorer({ store, threshold, now }: ScorerOptions): Scorer {
  let current = threshold
  const resolved = new Map<string, ResolvedThreshold>()
  const calibrators = new Map<string, CalibratorData>()
  let reading: Promise<void> | undefined

  /** Calibrators from the store, read once. */
  function read(): Promise<void> {
    reading ??= store
      .read(['calibrators'], (tx) => tx.list('calibrators', 'id'))
      .then((stored) => stored.forEach(({ id, data }) => calibrators.set(id, data)))
      .catch((error: unknown) => {
        reading = undefined
        throw error
      })
    return reading
  }

  async function keep(id: string, data: CalibratorData): Promise<void> {
    calibrators.set(id, data)
    resolved.delete(id)
    await store.write(['calibrators'], (tx) => tx.put('calibrators', { id, data }))
  }

  /** The statistics of targets are fetched only where a target is set. */
  async function resolve(key: string, data: CalibratorData): Promise<ResolvedThreshold> {
    const asked = current
    if (typeof asked === 'number') return fixedThreshold(asked)
    const known = resolved.get(key)
    if (known !== undefined) return known
    const { resolveThreshold } = await import('./threshold.ts')
    const made = resolveThreshold(asked, data.outcomes)
    if (asked === current) resolved.set(key, made)
    return made
  }

  checkThreshold(threshold)

  return {
    get threshold() {
      return current
    },
    set threshold(next) {
      // Throws on a value that is no threshold, before anything changes.
      checkThreshold(next)
      current = next
      resolved.clear()
    },

    async score(key, signals): Promise<Score> {
      await read()
      const data = calibrators.get(key)
      if (data === undefined) return { known: false, signals, why: 'no calibrator has been fitted for this task and model yet.' }
      const applied = scoreOf(data, signals)
      if (!applied.known) return { known: false, signals, why: applied.why }
      return {
        known: true,
        value: applied.value,
        signals,
        calibrator: `${data.kind}, ${data.labels} labels`,
        threshold: await resolve(key, data),
      }
    },

    label(requestId, good) {
      return store.write(['outcomes'], async (tx) => {
        const record = await tx.get('outcomes', requestId)
        if (record === undefined) return false
        await tx.put('outcomes', { ...record, good })
        return true
      })
    },

    async fit() {
      const outcomes = await store.read(['outcomes'], (tx) => tx.list('outcomes', 'calibration'))
      const { fitCalibrator } = await import('./fit.ts')
      const reports: FitReport[] = []
      for (const [key, records] of labelledByKey(outcomes)) {
        const fitted = fitCalibrator(records, { now: now() })
        if (fitted.ok) await keep(key, fitted.data)
        reports.push(fitted.ok ? { fitted: true, key, labels: fitted.data.labels } : { fitted: false, key, why: fitted.reason })
      }
      return reports
    },

    async exportCalibrators() {
      await read()
      return { version: 1, calibrators: Object.fromEntries(calibrators) }
    },

    forget() {
      calibrators.clear()
      resolved.clear()
    },

    async importCalibrators(file) {
      if (!isCalibratorFile(file)) {
        throw new UsageError(
          'invalid-option',
          'Not a calibrator file: expected { version: 1, calibrators: { key: data } } as exportCalibrators gives it.',
        )
      }
      await read()
      for (const [key, data] of Object.entries(file.calibrators)) {
        const here = calibrators.get(key)
        if (here === undefined || here.fittedAt < data.fittedAt) await keep(key, data)
      }
    },
  }
}

type Labelled = OutcomeRecord & { readonly good: boolean }

function labelledByKey(outcomes: readonly OutcomeRecord[]): Map<string, Labelled[]> {
  const groups = new Map<string, Labelled[]>()
  for (const outcome of outcomes) {
    const { good } = outcome
    if (good === undefined) continue
    const group = groups.get(outcome.calibration) ?? []
    group.push({ ...outcome, good })
    groups.set(outcome.calibration, group)
  }
  return groups
}

function isCalibratorFile(value: unknown): value is CalibratorFile {
  if (!isRecord(value) || value['version'] !== 1 || !isRecord(value['calibrators'])) return false
  return Object.values(value['calibrators']).every(
    (data) =>
      isRecord(data) &&
      data['version'] === 1 &&
      Array.isArray(data['outcomes']) &&
      (data['kind'] === 'platt' || data['kind'] === 'isotonic'),
  )
}
