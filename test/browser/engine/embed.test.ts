import { afterAll, beforeAll, expect, test } from 'vitest'

import reference from '../../fixtures/reference/all-MiniLM-L6-v2.json'
import { ENCODER, startWorker, type TestWorker, unwrap } from './worker.ts'

let worker: TestWorker

beforeAll(async () => {
  worker = await startWorker('embed')
  const report = await worker.load({ model: { id: ENCODER }, backend: 'auto' })
  expect(report).toMatchObject({ dtype: 'q8', backend: 'wasm', contextLength: 256 })
})

afterAll(() => worker.stop())

test('vectors agree with the reference: cosine 0.99 each, 0.9999 for three in four', async () => {
  const vectors = unwrap(await worker.api.embed('embed', reference.texts))
  const cosines = vectors.map((vector, i) => dot(vector, reference.vectors[i] ?? []))
  expect(Math.min(...cosines)).toBeGreaterThanOrEqual(0.99)
  expect(cosines.filter((cosine) => cosine >= 0.9999).length).toBeGreaterThanOrEqual(cosines.length * 0.75)
  for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
})

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}
