import type { Decoder, KvCache, Step } from '../../../workers/backends/decoder.ts'
import type { Tokenizer } from '../../../workers/backends/tokenizer.ts'

export interface FakeCache extends KvCache {
  readonly tokens: readonly number[]
  disposed: boolean
}

/** A decoder whose logits are a function of all tokens so far. Remembers what was run, and that no cache was used after its end. */
export class FakeDecoder implements Decoder<FakeCache> {
  readonly vocabulary: number
  readonly runs: { readonly tokens: readonly number[]; readonly past: number }[] = []
  readonly caches: FakeCache[] = []
  readonly #next: (tokens: readonly number[], pieces: number) => Float32Array
  readonly #copies: boolean

  /** `next` gets the tokens so far and how many were run in this one step. */
  constructor(vocabulary: number, next: (tokens: readonly number[], step: number) => Float32Array, copies = true) {
    this.vocabulary = vocabulary
    this.#next = next
    this.#copies = copies
  }

  get alive(): number {
    return this.caches.filter((cache) => !cache.disposed).length
  }

  run(tokens: readonly number[], past: FakeCache | undefined, keep: number): Promise<Step<FakeCache>> {
    if (past?.disposed === true) throw new Error('A disposed cache was used.')
    if (tokens.length === 0) throw new Error('Nothing to run.')
    this.runs.push({ tokens, past: past?.length ?? 0 })
    const all = [...(past?.tokens ?? []), ...tokens]
    const logits = new Float32Array(keep * this.vocabulary)
    for (let row = 0; row < keep; row += 1) {
      logits.set(this.#next(all.slice(0, all.length - keep + row + 1), tokens.length), row * this.vocabulary)
    }
    return Promise.resolve({ logits, cache: this.#cache(all) })
  }

  truncate(cache: FakeCache, length: number): FakeCache | undefined {
    return this.#copies ? this.#cache(cache.tokens.slice(0, length)) : undefined
  }

  #cache(tokens: readonly number[]): FakeCache {
    const made: FakeCache = {
      tokens,
      length: tokens.length,
      disposed: false,
      dispose() {
        if (made.disposed) throw new Error('A cache was disposed twice.')
        made.disposed = true
      },
    }
    this.caches.push(made)
    return made
  }
}

/** One row of logits with `value` at `token` and 0 elsewhere. */
export function logitsFor(vocabulary: number, token: number, value = 10): Float32Array {
  const logits = new Float32Array(vocabulary)
  logits[token] = value
  return logits
}

/** UTF-8 bytes as tokens: a character of several bytes is a character of several tokens. */
export const byteTokenizer: Tokenizer = {
  encode: (text) => [...new TextEncoder().encode(text)],
  decode: (ids) => new TextDecoder().decode(Uint8Array.from(ids.filter((id) => id < 256))),
  id: () => undefined,
}
