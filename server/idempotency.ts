import { ApiError } from './errors.ts'
import type { Run } from './run.ts'

export interface IdempotencyOptions {
  /** Milliseconds since any fixed point. */
  readonly now: () => number
  /** Milliseconds that an answer is kept for. Default 10 minutes. */
  readonly ttl?: number | undefined
  /** Answers kept. Default 1000. */
  readonly maxEntries?: number | undefined
  /** Characters of all answers kept. Default 16 Mi. */
  readonly maxCharacters?: number | undefined
}

interface Entry {
  readonly bodyHash: string
  readonly run: Run
  finishedAt: number | undefined
}

const LONGEST_KEY = 255

/**
 * Answers by idempotency key, in memory and bounded: a request that comes again is answered again, and asked once.
 * Runs that fail are forgotten, so that the next try with the key goes to the upstream.
 */
export class IdempotencyStore {
  /** In order of last use, the least recent first. */
  readonly #entries = new Map<string, Entry>()
  readonly #options: Required<{ [K in keyof IdempotencyOptions]: NonNullable<IdempotencyOptions[K]> }>

  constructor(options: IdempotencyOptions) {
    this.#options = {
      now: options.now,
      ttl: options.ttl ?? 600_000,
      maxEntries: options.maxEntries ?? 1000,
      maxCharacters: options.maxCharacters ?? 16_777_216,
    }
  }

  /**
   * The run of this key, running or finished; or a new one from `start`.
   *
   * @throws ApiError 400 for a malformed key, 422 `idempotency_key_reused` where the key came with another body
   */
  runOf(key: string, bodyHash: string, start: () => Run): { readonly run: Run; readonly replayed: boolean } {
    if (key.length === 0 || key.length > LONGEST_KEY) {
      throw new ApiError(400, 'invalid_value', `An Idempotency-Key has 1 to ${LONGEST_KEY} characters.`, {
        param: 'Idempotency-Key',
      })
    }
    this.#expire()
    const known = this.#entries.get(key)
    if (known !== undefined && !known.run.failed) {
      if (known.bodyHash !== bodyHash) {
        throw new ApiError(
          422,
          'idempotency_key_reused',
          'This Idempotency-Key came before with another body. Use a new key for a new request.',
          { param: 'Idempotency-Key' },
        )
      }
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return { run: known.run, replayed: true }
    }
    const entry: Entry = { bodyHash, run: start(), finishedAt: undefined }
    this.#entries.set(key, entry)
    void this.#keep(key, entry)
    return { run: entry.run, replayed: false }
  }

  async #keep(key: string, entry: Entry): Promise<void> {
    const whole = await entry.run.done
    entry.finishedAt = this.#options.now()
    if (!whole && this.#entries.get(key) === entry) this.#entries.delete(key)
    this.#evict()
  }

  #expire(): void {
    const oldest = this.#options.now() - this.#options.ttl
    for (const [key, { finishedAt }] of this.#entries) {
      if (finishedAt !== undefined && finishedAt <= oldest) this.#entries.delete(key)
    }
  }

  /** Only finished runs go: those that still run are as many as there are open requests. */
  #evict(): void {
    const finished = [...this.#entries].filter(([, entry]) => entry.finishedAt !== undefined)
    let count = finished.length
    let characters = finished.reduce((sum, [, entry]) => sum + entry.run.size, 0)
    for (const [key, entry] of finished) {
      if (count <= this.#options.maxEntries && characters <= this.#options.maxCharacters) return
      this.#entries.delete(key)
      count -= 1
      characters -= entry.run.size
    }
  }
}
