import type { Part } from '../contracts/part.ts'
import { toShape } from '../errors/shape.ts'
import { WorkerError } from '../errors/worker-error.ts'

/**
 * Joins the parts of a generation and of its replay into one stream that never repeats or mixes text. The replay's text must
 * begin with what was given out already, which is dropped; where it does not (sampling without a seed), the stream ends in an
 * `error` part.
 */
export class Replay {
  /** Text and count of token signals that have gone out. */
  #text = ''
  #tokens = 0
  /** The same of the current run. */
  #runText = ''
  #runTokens = 0
  #started = false
  #ended = false

  /** Whether the last part has gone out. */
  get ended(): boolean {
    return this.#ended
  }

  /** A run begins from the start of the answer. */
  restart(): void {
    this.#runText = ''
    this.#runTokens = 0
  }

  /** What of the current run's next part goes out: the part, the new piece of it, an error in its place, or nothing. */
  next(part: Part): Part | undefined {
    if (this.#ended) return undefined
    switch (part.type) {
      case 'start':
        if (this.#started) return undefined
        this.#started = true
        return part
      case 'delta':
        return this.#delta(part)
      case 'signals': {
        const seen = Math.max(0, this.#tokens - this.#runTokens)
        this.#runTokens += part.tokens.length
        if (seen >= part.tokens.length) return undefined
        this.#tokens = this.#runTokens
        return { ...part, tokens: part.tokens.slice(seen) }
      }
      case 'finish':
        if (this.#runText.length < this.#text.length) return this.#differs(part)
        this.#ended = true
        return part
      case 'error':
        this.#ended = true
        return part
    }
  }

  #delta(part: Extract<Part, { type: 'delta' }>): Part | undefined {
    const run = this.#runText + part.text
    if (!run.startsWith(this.#text) && !this.#text.startsWith(run)) return this.#differs(part)
    const fresh = run.slice(Math.max(this.#text.length, this.#runText.length))
    this.#runText = run
    if (fresh === '') return undefined
    this.#text = run
    return { ...part, text: fresh }
  }

  #differs(part: Part): Part {
    this.#ended = true
    const error = new WorkerError(
      'worker-died',
      'The worker died after part of the answer was given out, and its replay came out different.',
      {
        retryable: true,
      },
    )
    return { type: 'error', source: part.source, error: toShape(error) }
  }
}
