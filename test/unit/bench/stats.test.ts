import { describe, expect, test } from 'vitest'

import { barText, figure, median, pairedRatio, passes, quantile } from '../../../bench/stats.ts'
import { table } from '../../../bench/table.ts'

describe('statistics', () => {
  test('quantiles interpolate between order statistics', () => {
    expect(quantile([4, 1, 3, 2], 0)).toBe(1)
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5)
    expect(quantile([4, 1, 3, 2], 0.95)).toBeCloseTo(3.85, 10)
    expect(median([5])).toBe(5)
    expect(median([])).toBeNaN()
  })

  test('a ratio of pairs is not moved by what slows both runs of a pair', () => {
    expect(pairedRatio([10, 2, 30], [20, 4, 60])).toBe(0.5)
    expect(pairedRatio([1, 100], [1])).toBe(1)
  })

  test('a bar is reached from its own side, and never by a figure that is missing', () => {
    expect(passes({ ours: 3, bar: { of: 'ours', atMost: 3 } })).toBe(true)
    expect(passes({ ours: 3.01, bar: { of: 'ours', atMost: 3 } })).toBe(false)
    expect(passes({ ours: 1, ratio: 0.98, bar: { of: 'ratio', atLeast: 0.98 } })).toBe(true)
    expect(passes({ ours: 1, ratio: 0.979, bar: { of: 'ratio', atLeast: 0.98 } })).toBe(false)
    expect(passes({ ours: 1, bar: { of: 'ratio', atLeast: 2 } })).toBe(false)
    expect(passes({ ours: Number.NaN, bar: { of: 'ours', atMost: 3 } })).toBe(false)
    expect(passes({ ours: 1 })).toBeUndefined()
  })

  test('bars and figures read as people write them', () => {
    expect(barText({ of: 'ratio', atLeast: 2 })).toBe('ratio >= 2')
    expect(barText({ of: 'ours', atMost: 15 })).toBe('<= 15')
    expect(barText(undefined)).toBe('')
    expect([figure(1234.5), figure(123.45), figure(1.234), figure(0.0123), figure(0), figure(undefined)]).toEqual([
      '1235',
      '123.5',
      '1.23',
      '0.012',
      '0',
      '',
    ])
  })
})

describe('table', () => {
  test('numbers stand to the right, all else to the left', () => {
    expect(
      table(
        ['name', 'ms'],
        [
          ['one', '5'],
          ['three', '12.5'],
        ],
      ),
    ).toBe(['name     ms', '-----  ----', 'one       5', 'three  12.5'].join('\n'))
  })

  test('as Markdown, it has bars and says which columns are numbers', () => {
    expect(table(['name', 'share'], [['one', '5.0 %']], { markdown: true })).toBe(
      ['| name | share |', '| ---- | ----: |', '| one  | 5.0 % |'].join('\n'),
    )
  })
})
