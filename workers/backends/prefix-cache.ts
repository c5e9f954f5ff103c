import type { Decoder, KvCache } from './decoder.ts'

/** Fewer shared tokens than this are run again sooner than copied. */
const WORTHWHILE = 8

interface Entry<Cache extends KvCache> {
  readonly tokens: readonly number[]
  readonly cache: Cache
}

/**
 * KV caches of earlier prompts, the least recently used first. A prompt that begins as one of them (the next turn of a
 * conversation; the same instructions and examples with another message) is run only from where they part.
 */
export class PrefixCache<Cache extends KvCache> {
  readonly #decoder: Decoder<Cache>
  readonly #mostTokens: number
  #entries: Entry<Cache>[] = []

  /** Keeps caches of up to `mostTokens` tokens in all. */
  constructor(decoder: Decoder<Cache>, mostTokens: number) {
    this.#decoder = decoder
    this.#mostTokens = mostTokens
  }

  /**
   * A cache of the longest known beginning of `tokens`, the last token left out: something must be run to have logits.
   * Whoever takes it disposes it, or puts it back. A whole entry is handed over; of a longer one, a copy of its beginning.
   */
  take(tokens: readonly number[]): Cache | undefined {
    let best: { readonly entry: Entry<Cache>; readonly shared: number } | undefined
    for (const entry of this.#entries) {
      const shared = Math.min(sharedLength(entry.tokens, tokens), tokens.length - 1)
      if (shared >= WORTHWHILE && shared > (best?.shared ?? 0)) best = { entry, shared }
    }
    if (best === undefined) return undefined
    const { entry, shared } = best
    this.#entries = this.#entries.filter((each) => each !== entry)
    if (shared === entry.cache.length) return entry.cache
    this.#entries.push(entry)
    return this.#decoder.truncate(entry.cache, shared)
  }

  /** Keeps the cache of `tokens`, and drops what it makes superfluous or what there is no room for. */
  put(tokens: readonly number[], cache: Cache): void {
    const known = tokens.slice(0, cache.length)
    this.#drop((entry) => sharedLength(entry.tokens, known) === entry.tokens.length)
    if (known.length > this.#mostTokens) return cache.dispose()
    this.#entries.push({ tokens: known, cache })
    let total = this.#entries.reduce((sum, entry) => sum + entry.tokens.length, 0)
    this.#drop((entry) => {
      const surplus = total > this.#mostTokens
      if (surplus) total -= entry.tokens.length
      return surplus
    })
  }

  clear(): void {
    this.#drop(() => true)
  }

  #drop(which: (entry: Entry<Cache>) => boolean): void {
    this.#entries = this.#entries.filter((entry) => {
      const dropped = which(entry)
      if (dropped) entry.cache.dispose()
      return !dropped
    })
  }
}

function sharedLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length)
  let length = 0
  while (length < most && a[length] === b[length]) length += 1
  return length
}
