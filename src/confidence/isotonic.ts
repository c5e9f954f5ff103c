import type { IsotonicData } from '../contracts/score.ts'

interface Block {
  sum: number
  weight: number
  readonly from: number
}

/**
 * Least-squares non-decreasing fit by pool-adjacent-violators (Ayer et al. 1955; Barlow et al. 1972).
 * @returns one fitted value per input, in the order given
 */
export function poolAdjacentViolators(values: readonly number[], weights: readonly number[] = values.map(() => 1)): number[] {
  const blocks: Block[] = []
  values.forEach((value, i) => {
    const weight = weights[i] ?? 1
    blocks.push({ sum: value * weight, weight, from: i })
    for (let last = blocks.length - 1; last > 0; last -= 1) {
      const right = blocks[last]
      const left = blocks[last - 1]
      if (right === undefined || left === undefined || left.sum / left.weight < right.sum / right.weight) break
      blocks.pop()
      left.sum += right.sum
      left.weight += right.weight
    }
  })
  return blocks.flatMap((block, i) => {
    const to = blocks[i + 1]?.from ?? values.length
    return Array.from({ length: to - block.from }, () => block.sum / block.weight)
  })
}

/**
 * Isotonic calibration of one signal (Zadrozny & Elkan 2002): the score is a step function of it, rising or falling as `rising` says.
 * Values are kept inside [1 / (n + 2), 1 - 1 / (n + 2)]: n labels cannot tell a rate from 0 or 1.
 */
export function fitIsotonic(signal: string, values: readonly number[], wrong: readonly boolean[], rising: boolean): IsotonicData {
  const sums = new Map<number, { wrong: number; count: number }>()
  values.forEach((value, i) => {
    const at = sums.get(value) ?? { wrong: 0, count: 0 }
    sums.set(value, { wrong: at.wrong + (wrong[i] === true ? 1 : 0), count: at.count + 1 })
  })
  const points = [...sums].sort(([a], [b]) => a - b)
  const ordered = rising ? points : points.toReversed()
  const fitted = poolAdjacentViolators(
    ordered.map(([, at]) => at.wrong / at.count),
    ordered.map(([, at]) => at.count),
  )
  const least = 1 / (values.length + 2)
  const levels = (rising ? fitted : fitted.toReversed()).map((level) => Math.min(Math.max(level, least), 1 - least))
  const x: number[] = []
  const y: number[] = []
  points.forEach(([value], i) => {
    const level = levels[i] ?? 0.5
    if (y.at(-1) === level) return
    x.push(value)
    y.push(level)
  })
  return { kind: 'isotonic', signal, x, y }
}
