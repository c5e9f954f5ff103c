import type { Bar, Result } from './contract.ts'

/** Quantile with linear interpolation between order statistics (Hyndman & Fan 1996, type 7). NaN for no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const low = Math.floor(at)
  const below = sorted[low]
  const above = sorted[Math.ceil(at)]
  return below === undefined || above === undefined ? Number.NaN : below + (above - below) * (at - low)
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Median of `ours[i] / peer[i]`: what both runs of a pair share, a busy machine for one, drops out. */
export function pairedRatio(ours: readonly number[], peer: readonly number[]): number {
  return median(ours.flatMap((value, i) => (peer[i] === undefined ? [] : [value / peer[i]])))
}

/** Whether a figure reaches its bar; undefined where it has none. */
export function passes(result: Pick<Result, 'ours' | 'ratio' | 'bar'>): boolean | undefined {
  const { bar } = result
  if (bar === undefined) return undefined
  const value = bar.of === 'ours' ? result.ours : result.ratio
  if (value === undefined || Number.isNaN(value)) return false
  return bar.atMost === undefined ? value >= bar.atLeast : value <= bar.atMost
}

/** `<= 15`, `ratio >= 0.98` */
export function barText(bar: Bar | undefined): string {
  if (bar === undefined) return ''
  const limit = bar.atMost === undefined ? `>= ${bar.atLeast}` : `<= ${bar.atMost}`
  return bar.of === 'ratio' ? `ratio ${limit}` : limit
}

/** Three or more significant digits, never an exponent. */
export function figure(value: number | undefined): string {
  if (value === undefined) return ''
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  return value.toFixed(size >= 1000 || Number.isInteger(value) ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3)
}
