import { describe, expect, it, vi } from 'vitest'

import { fitSoftmaxHead, softmax } from '../../../src/task/softmax-head.ts'
import { seededRandom } from '../../../src/utils/random.ts'

function unit(values: readonly number[]): Float32Array {
  const norm = Math.hypot(...values)
  return Float32Array.from(values, (value) => value / norm)
}

/** Points around one random direction per class. */
function clusters(classes: number, each: number, dimensions: number, seed: number) {
  const random = seededRandom(seed)
  const direction = (): number[] => Array.from({ length: dimensions }, () => 2 * random() - 1)
  const centres = Array.from({ length: classes }, direction)
  const labels = centres.flatMap((_, label) => Array.from({ length: each }, () => label))
  const vectors = labels.map((label) => unit(direction().map((noise, i) => noise + (centres[label]?.[i] ?? 0))))
  return { vectors, labels, centres }
}

const top = (logits: readonly number[]): number => logits.indexOf(Math.max(...logits))

describe('fitSoftmaxHead', () => {
  // 60 examples of 384 dimensions take the Gram matrix, 300 of 20 dimensions the plain form.
  it.each([
    { classes: 6, each: 10, dimensions: 384 },
    { classes: 5, each: 60, dimensions: 20 },
  ])('tells clusters apart that it has not seen: %o', async ({ classes, each, dimensions }) => {
    const { vectors, labels, centres } = clusters(classes, each, dimensions, 3)
    const head = await fitSoftmaxHead(vectors, labels, { classes })
    expect(vectors.filter((vector, i) => top(head.logits(vector)) === labels[i]).length / vectors.length).toBeGreaterThan(0.95)
    expect(centres.map((centre) => top(head.logits(unit(centre))))).toEqual(centres.map((_, i) => i))
  })

  it('reaches the optimum: the gradient of the penalised loss vanishes', async () => {
    const { vectors, labels } = clusters(3, 8, 6, 5)
    const penalty = 0.01
    const head = await fitSoftmaxHead(vectors, labels, { classes: 3, penalty })
    // W from the head itself: the logits of the unit vectors are its columns.
    const weights = Array.from({ length: 6 }, (_, i) => head.logits(Float32Array.from({ length: 6 }, (__, j) => Number(i === j))))
    const gradient = weights.map((row) => row.map((value) => penalty * value))
    vectors.forEach((vector, n) => {
      softmax(head.logits(vector)).forEach((p, c) => {
        vector.forEach((value, d) => {
          const row = gradient[d] ?? []
          row[c] = (row[c] ?? 0) + ((p - Number(labels[n] === c)) * value) / vectors.length
        })
      })
    })
    expect(Math.hypot(...gradient.flat())).toBeLessThan(1e-3)
  })

  it('gives equal weights for equal examples, and an even distribution far from all of them', async () => {
    const { vectors, labels } = clusters(4, 5, 16, 7)
    const [a, b] = await Promise.all([
      fitSoftmaxHead(vectors, labels, { classes: 4 }),
      fitSoftmaxHead(vectors, labels, { classes: 4 }),
    ])
    const probe = vectors[0] ?? new Float32Array(16)
    expect(a.logits(probe)).toEqual(b.logits(probe))
    expect(softmax(a.logits(new Float32Array(16)))).toEqual([0.25, 0.25, 0.25, 0.25])
  })

  it('gives the thread away while it works', async () => {
    const pause = vi.fn(() => Promise.resolve())
    const { vectors, labels } = clusters(20, 30, 64, 9)
    await fitSoftmaxHead(vectors, labels, { classes: 20, pause })
    expect(pause.mock.calls.length).toBeGreaterThan(5)
  })
})
