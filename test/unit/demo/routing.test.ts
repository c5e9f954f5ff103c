import { describe, expect, test } from 'vitest'

import { placeOf, riskAt, riskCurve, splitAt } from '../../../demo/routing.ts'

const at = (threshold: number) => ({ encoder: threshold, generator: threshold })
const sample = (encoder: number | undefined, generator?: number, label = 'a') => ({
  encoder: { score: encoder, label },
  generator: generator === undefined ? undefined : { score: generator, label },
})

describe('routing', () => {
  test('keeps what is at the threshold and sends what is above it', () => {
    expect(placeOf(sample(0.3), at(0.3), false)).toBe('encoder')
    expect(placeOf(sample(0.31), at(0.3), false)).toBe('frontier')
  })

  test('asks the language model in between, where it is there', () => {
    expect(placeOf(sample(0.8), at(0.3), true)).toBe('next')
    expect(placeOf(sample(0.8, 0.2), at(0.3), true)).toBe('generator')
    expect(placeOf(sample(0.8, 0.4), at(0.3), true)).toBe('frontier')
    expect(placeOf(sample(0.8, 0.2), at(0.3), false)).toBe('frontier')
    const unjudged = { ...sample(0.8), generator: { score: undefined, label: 'a' } }
    expect(placeOf(unjudged, at(0.3), true)).toBe('frontier')
  })

  test('says where nothing is known', () => {
    expect(placeOf({}, at(1), true)).toBe('unread')
    expect(placeOf(sample(undefined), at(1), true)).toBe('unread')
    expect(splitAt([{}, sample(0.1), sample(0.9)], at(0.5), false)).toEqual({
      places: { encoder: 1, generator: 0, next: 0, frontier: 1, unread: 1 },
      total: 3,
    })
  })

  test('draws errors among the kept against the share that is kept', () => {
    const labelled = [
      { sample: sample(0.1), truth: 'a' },
      { sample: sample(0.2), truth: 'a' },
      { sample: sample(0.6), truth: 'b' },
      { sample: sample(0.9), truth: 'a' },
    ]
    expect(riskCurve(labelled, false).map(({ kept, wrong }) => [kept, wrong])).toEqual([
      [0.25, 0],
      [0.5, 0],
      [0.75, 1 / 3],
      [1, 0.25],
    ])
    expect(riskAt(labelled, at(-1), false)).toMatchObject({ kept: 0, wrong: 0 })
    expect(riskAt([{ sample: {}, truth: 'a' }], at(1), false)).toBeUndefined()
  })
})
