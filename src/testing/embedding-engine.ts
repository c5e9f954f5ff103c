import type { CallOptions, EmbeddingEngine } from '../contracts/engine.ts'
import { fingerprint } from '../utils/hash.ts'
import type { Fault } from './fault.ts'
import { loadReport } from './generation-engine.ts'
import type { Pace } from './stream.ts'
import { wait } from './stream.ts'

export interface FakeEmbeddingOptions extends Pace {
  /** Length of a vector. Default 384. */
  readonly dimensions?: number | undefined
  /** Every call rejects with this. Change it with the engine's `failWith`. */
  readonly failWith?: Fault | undefined
}

export interface FakeEmbeddingEngine extends EmbeddingEngine {
  /** The batches that were embedded, in order. */
  readonly batches: readonly (readonly string[])[]
  failWith: Fault | undefined
  close(): void
}

/**
 * A sentence encoder that counts words: each hashes to one of the dimensions and a sign (feature hashing, Weinberger et al.
 * 2009), so that texts with words in common are similar. Unit length; the same text gives the same vector, everywhere.
 */
export function fakeEmbeddingEngine(options: FakeEmbeddingOptions = {}): FakeEmbeddingEngine {
  const { dimensions = 384 } = options
  const batches: (readonly string[])[] = []

  const check = async ({ signal }: CallOptions): Promise<void> => {
    await wait(options, signal)
    if (engine.failWith !== undefined) throw engine.failWith
  }

  const engine: FakeEmbeddingEngine = {
    batches,
    failWith: options.failWith,
    async load(load = {}) {
      await check(load)
      return loadReport('fake/encoder', load)
    },
    async embed(texts, call = {}) {
      batches.push(texts)
      await check(call)
      return texts.map((text) => vectorOf(text, dimensions))
    },
    unload: () => Promise.resolve(),
    close: () => undefined,
  }
  return engine
}

function vectorOf(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions)
  for (const word of ['', ...(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])]) {
    const hash = Number.parseInt(fingerprint(word).slice(-8), 16)
    const at = hash % dimensions

    // The empty word stands in every text, lightly: no text has a vector without length.
    vector[at] = (vector[at] ?? 0) + (word === '' ? 0.1 : (hash & 0x8000_0000) === 0 ? 1 : -1)
  }
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}
