import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { EmbeddingEngine } from '../../src/contracts/engine.ts'
import type { LoadReport } from '../../src/contracts/models.ts'

export interface EmbeddingSubject {
  readonly engine: EmbeddingEngine
  close(): void
}

/** What may be skipped, for a reason. */
export type EmbeddingSkips = Readonly<Partial<Record<'not-loaded', string>>>

const TEXTS = ['Where is my parcel?', 'My parcel has not come, where is it?', 'Stock prices fell on Monday.'] as const

/** What every `EmbeddingEngine` keeps to. `make` gives one that is not loaded. */
export function describeEmbeddingEngine(name: string, make: () => EmbeddingSubject, skip: EmbeddingSkips = {}): void {
  describe(name, () => {
    let subject: EmbeddingSubject
    let engine: EmbeddingEngine
    let report: LoadReport
    beforeAll(async () => {
      subject = make()
      engine = subject.engine
      report = await engine.load()
    })
    afterAll(() => subject.close())

    test('load says what it took, and why', () => {
      expect(report.model).toMatch(/^[^/]+\/[^/]+$/)
      expect(report.reason).not.toBe('')
    })

    test('one vector for each text, of one length and unit norm', async () => {
      const vectors = await engine.embed([...TEXTS, ''])
      expect(vectors).toHaveLength(4)
      for (const vector of vectors) {
        expect(vector).toBeInstanceOf(Float32Array)
        expect(vector).toHaveLength(vectors[0]?.length ?? 0)
        expect(Math.hypot(...vector)).toBeCloseTo(1, 4)
      }
    })

    test('texts that mean the same are nearer than others', async () => {
      const [a, b, c] = await engine.embed(TEXTS)
      expect(cosine(a, b)).toBeGreaterThan(cosine(a, c) + 0.2)
    })

    test('order and company do not matter', async () => {
      const [alone] = await engine.embed([TEXTS[0]])
      const reversed = await engine.embed(TEXTS.toReversed())
      expect(cosine(alone, reversed[2])).toBeGreaterThan(0.98)
    })

    test('no texts, no vectors', async () => {
      expect(await engine.embed([])).toEqual([])
    })

    test('an abort rejects with AbortError, and the engine goes on', async () => {
      await expect(engine.embed(TEXTS, { signal: AbortSignal.abort() })).rejects.toMatchObject({
        name: 'AbortError',
        code: 'aborted',
      })
      expect(await engine.embed([TEXTS[0]])).toHaveLength(1)
    })

    test('after unload it is not loaded, and can be loaded again', async ({ skip: leave }) => {
      leave(skip['not-loaded'] !== undefined, skip['not-loaded'])
      await engine.unload()
      await expect(engine.embed(TEXTS)).rejects.toMatchObject({ code: 'not-loaded' })
      await engine.load()
      expect(await engine.embed([TEXTS[0]])).toHaveLength(1)
    })
  })
}

function cosine(a: Float32Array | undefined, b: Float32Array | undefined): number {
  if (a === undefined || b === undefined) throw new Error('A vector is missing.')
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? NaN), 0)
}
