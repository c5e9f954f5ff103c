import type { ResolvedThreshold, Threshold } from '../contracts/score.ts'
import { UsageError } from '../errors/usage-error.ts'

/** @throws UsageError `invalid-option` for a threshold outside its range */
export function checkThreshold(threshold: Threshold): void {
  if (typeof threshold === 'number')
    return requireRange('threshold', threshold, threshold >= 0 && threshold <= 1, 'a number in [0, 1]')
  if ('escalationRate' in threshold) {
    const rate = threshold.escalationRate
    return requireRange('threshold.escalationRate', rate, rate >= 0 && rate <= 1, 'a number in [0, 1]')
  }
  const { maxError, confidence = 0.5 } = threshold
  requireRange('threshold.maxError', maxError, maxError > 0 && maxError < 1, 'a number in (0, 1)')
  requireRange('threshold.confidence', confidence, confidence > 0 && confidence < 1, 'a number in (0, 1)')
}

/** A number stays what it is. */
export function fixedThreshold(value: number): ResolvedThreshold {
  return { value, basis: `Set to ${value} by the app.` }
}

function requireRange(option: string, value: number, holds: boolean, range: string): void {
  if (holds) return
  throw new UsageError('invalid-option', `${option} must be ${range}; it is ${String(value)}.`, { details: { option } })
}
