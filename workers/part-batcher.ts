import type { Part } from '../src/contracts/part.ts'

/**
 * Two or three tokens at 30 a second. Each message costs the engine half a millisecond on a machine of two cores, where the page's thread
 * takes its place to read it: sent token by token, that is 3 % of the speed (`core/decode`).
 */
const EVERY_MS = 80
const MOST_TOKENS = 8

/**
 * Hands parts on in batches, so that crossing the worker border costs less than once a token. The first text goes at once.
 * Within a batch, neighbouring text parts are joined, and so are signals; their order to each other may change.
 */
export class PartBatcher {
  readonly #send: (parts: readonly Part[]) => void | Promise<void>
  readonly #now: () => number
  #parts: Part[] = []
  #tokens = 0
  #sentAt = -Infinity
  #sending: Promise<void> = Promise.resolve()

  constructor(send: (parts: readonly Part[]) => void | Promise<void>, now: () => number) {
    this.#send = send
    this.#now = now
  }

  add(part: Part): void {
    this.#merge(part)
    // a token's signals come before its text: waiting for the text keeps both in one batch
    if (part.type === 'signals') this.#tokens += part.tokens.length
    if (this.#tokens >= MOST_TOKENS || (part.type !== 'signals' && this.#isDue(part))) this.#flush()
  }

  /** Sends what is left; resolves once every batch was taken. */
  async end(): Promise<void> {
    this.#flush()
    await this.#sending
  }

  #isDue(part: Part): boolean {
    return part.type !== 'delta' || this.#now() - this.#sentAt >= EVERY_MS
  }

  #merge(part: Part): void {
    const at = this.#parts.findIndex((other) => other.type === part.type)
    const other = this.#parts[at]
    if (part.type === 'delta' && other?.type === 'delta') this.#parts[at] = { ...other, text: other.text + part.text }
    else if (part.type === 'signals' && other?.type === 'signals')
      this.#parts[at] = { ...other, tokens: [...other.tokens, ...part.tokens] }
    else this.#parts.push(part)
  }

  #flush(): void {
    if (this.#parts.length === 0) return
    const parts = this.#parts
    this.#parts = []
    this.#tokens = 0
    this.#sentAt = this.#now()
    const sent = this.#send(parts)
    this.#sending = Promise.all([this.#sending, sent]).then(() => undefined)
    // whoever awaits `end` learns of a failure; until then it is nobody's unhandled rejection
    this.#sending.catch(() => undefined)
  }
}
