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
 *
 * With a `block`, prompts are run and reused in whole blocks only. Then every token is computed in a step of the same place and
 * size whatever was asked before, so that the same request always has the same signals: int8 graphs round so coarsely that a
 * token run alone differs from the same token run among others (by 0.2 nats of entropy, seen on SmolLM2). Without a `block`
 * (caches on a GPU, which cannot be cut), a cache is reused whole, generated tokens included, or not at all.
 */
export class PrefixCache<Cache extends KvCache> {
  readonly #decoder: Decoder<Cache>
  readonly #mostTokens: number
  readonly #block: number | undefined
  #entries: Entry<Cache>[] = []

  /** Keeps caches of up to `mostTokens` tokens in all. */
  constructor(decoder: Decoder<Cache>, mostTokens: number, block: number | undefined) {
    this.#decoder = decoder
    this.#mostTokens = mostTokens
    this.#block = block
  }

  /**
   * A cache of the longest known beginning of `prompt`, the last token left out: something must be run to have logits.
   * Whoever takes it disposes it, or puts it back. A whole entry is handed over; of a longer one, a copy of its beginning.
   */
  take(prompt: readonly number[]): Cache | undefined {
    let best: { readonly entry: Entry<Cache>; readonly shared: number } | undefined
    for (const entry of this.#entries) {
      const shared = this.#whole(Math.min(sharedLength(entry.tokens, prompt), prompt.length - 1))
      const usable = this.#block !== undefined || shared === entry.tokens.length
      if (usable && shared >= WORTHWHILE && shared > (best?.shared ?? 0)) best = { entry, shared }
    }
    if (best === undefined) return undefined
    const { entry, shared } = best
    this.#entries = this.#entries.filter((each) => each !== entry)
    if (shared === entry.tokens.length) return entry.cache
    this.#entries.push(entry)
    return this.#decoder.truncate(entry.cache, shared)
  }

  /** Takes over the cache of a prompt and what was generated after it, and keeps of it what can be used again. */
  put(prompt: readonly number[], generated: readonly number[], cache: Cache): void {
    const length = this.#block === undefined ? cache.length : this.#whole(Math.min(prompt.length, cache.length))
    const tokens = [...prompt, ...generated].slice(0, length)
    const kept = this.#room(length) ? this.#cut(cache, length) : undefined
    if (kept !== cache) cache.dispose()
    if (kept === undefined) return
    this.#drop((entry) => sharedLength(entry.tokens, tokens) === entry.tokens.length)
    this.#entries.push({ tokens, cache: kept })
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

  #whole(length: number): number {
    return this.#block === undefined ? length : Math.floor(length / this.#block) * this.#block
  }

  #room(length: number): boolean {
    return length >= WORTHWHILE && length <= this.#mostTokens
  }

  #cut(cache: Cache, length: number): Cache | undefined {
    return length === cache.length ? cache : this.#decoder.truncate(cache, length)
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
