import { ApiError, clientClosed, toApiError } from './errors.ts'
import { estimateCharacters, estimateTokens } from './limits.ts'
import type { Chunk, Provider, ProviderRequest } from './providers/port.ts'

/** More than this many characters for each token asked for is not an answer but a fault of the upstream. */
const MOST_CHARACTERS_PER_TOKEN = 8

/** What a run knows from the start; the same for everybody who reads it. */
export interface RunInfo {
  readonly id: string
  /** Seconds since the epoch. */
  readonly created: number
  readonly provider: string
}

/** One reader's place in a run. `next` gives `undefined` after the `finish` chunk, and throws what the run failed with. */
export interface RunReader {
  next(): Promise<Chunk | undefined>
  /** The reader is gone. When all are, an unfinished run is aborted at the upstream. Harmless when repeated. */
  close(): void
}

/**
 * One call to a provider, and its answer so far. Any number of readers see the same chunks from the first on,
 * so that requests with the same idempotency key share one call.
 */
export class Run {
  readonly info: RunInfo
  /** Resolves when the call is over: true if it gave a whole answer. Never rejects. */
  readonly done: Promise<boolean>
  readonly #chunks: Chunk[] = []
  readonly #abort = new AbortController()
  readonly #waiting = new Set<() => void>()
  #characters = 0
  #readers = 0
  #end: { readonly error?: ApiError } | undefined

  constructor(provider: Provider, request: ProviderRequest, info: RunInfo) {
    this.info = info
    this.done = this.#pump(provider, request)
  }

  /** Characters held, about. */
  get size(): number {
    return this.#characters
  }

  /** True once the run cannot serve a new reader: it failed, or is being aborted. */
  get failed(): boolean {
    return this.#end?.error !== undefined || this.#abort.signal.aborted
  }

  /** A new reader, at the first chunk. Close it, whatever happens. */
  read(): RunReader {
    let place = 0
    let open = true
    this.#readers += 1
    return {
      next: async () => {
        for (;;) {
          if (!open) throw clientClosed()
          const chunk = this.#chunks[place]
          if (chunk !== undefined) {
            place += 1
            return chunk
          }
          if (this.#end?.error !== undefined) throw this.#end.error
          if (this.#end !== undefined) return undefined
          await new Promise<void>((resolve) => this.#waiting.add(resolve))
        }
      },
      close: () => {
        if (!open) return
        open = false
        this.#readers -= 1
        if (this.#readers === 0 && this.#end === undefined) this.#abort.abort(clientClosed())
        this.#wake()
      },
    }
  }

  async #pump(provider: Provider, request: ProviderRequest): Promise<boolean> {
    const most = estimateCharacters(request.maxTokens) * MOST_CHARACTERS_PER_TOKEN + 65_536
    try {
      for await (const chunk of provider.complete(request, this.#abort.signal)) {
        // The provider may have a connection to wind up; the answer does not wait for that.
        if (this.#end !== undefined) continue
        this.#characters += chunk.type === 'delta' ? sizeOf(chunk) : 0
        if (this.#characters > most)
          throw new ApiError(502, 'upstream_invalid', 'The upstream sent far more than it was asked for.')
        this.#chunks.push(chunk.type === 'finish' ? this.#withUsage(chunk, request) : chunk)
        if (chunk.type === 'finish') this.#end = {}
        this.#wake()
      }
      if (this.#end === undefined) throw new ApiError(502, 'upstream_truncated', 'The answer ended before its end.')
    } catch (cause) {
      this.#end ??= { error: this.#abort.signal.aborted ? clientClosed() : toApiError(cause) }
    }
    this.#wake()
    return this.#end.error === undefined
  }

  /** Every answer has a usage; where the upstream gave none it is estimated, and says so. */
  #withUsage(chunk: Chunk & { type: 'finish' }, request: ProviderRequest): Chunk {
    if (chunk.usage !== undefined) return chunk
    const completion = estimateTokens(this.#characters)
    const usage = {
      prompt_tokens: request.promptTokens,
      completion_tokens: completion,
      total_tokens: request.promptTokens + completion,
      estimated: true,
    }
    return { ...chunk, usage }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

function sizeOf({ delta, logprobs }: Chunk & { type: 'delta' }): number {
  const { content, ...others } = delta
  const rest = Object.keys(others).length === 0 ? 0 : JSON.stringify(others).length
  return (content?.length ?? 0) + rest + (logprobs === undefined ? 0 : JSON.stringify(logprobs).length)
}
