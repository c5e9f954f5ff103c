/** The keys and values of tokens that were run. Belongs to the decoder that made it. */
export interface KvCache {
  /** How many tokens it holds. */
  readonly length: number
  /** Frees what it holds on a device. It cannot be used after that. */
  dispose(): void
}

export interface Step<Cache extends KvCache> {
  /** Raw logits of the last `keep` tokens, one row after the other. */
  readonly logits: Float32Array
  readonly cache: Cache
}

/** One forward pass of a language model. The cache handed in stays valid and unchanged. */
export interface Decoder<Cache extends KvCache = KvCache> {
  readonly vocabulary: number
  run(tokens: readonly number[], past: Cache | undefined, keep: number): Promise<Step<Cache>>
  /** A copy of the cache's first `length` tokens; undefined where it cannot be copied (it lies on a GPU). */
  truncate(cache: Cache, length: number): Cache | undefined
}
