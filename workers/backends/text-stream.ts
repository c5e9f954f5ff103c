import type { Tokenizer } from './tokenizer.ts'

const INCOMPLETE = '\u{FFFD}'

/**
 * Turns tokens into text as they come. A token may hold part of a character (byte-level BPE), so text is given out only up to
 * the last complete one; a few tokens are decoded again each time, because some decoders join a token to the one before.
 */
export class TextStream {
  readonly #tokenizer: Tokenizer
  readonly #tokens: number[] = []
  #windowStart = 0
  #readUntil = 0

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer
  }

  /** Adds a token; returns the text that is certain now, which may be empty. */
  push(token: number): string {
    this.#tokens.push(token)
    return this.#read(false)
  }

  /** The rest, with incomplete characters as U+FFFD. */
  end(): string {
    return this.#read(true)
  }

  #read(all: boolean): string {
    const before = this.#tokenizer.decode(this.#tokens.slice(this.#windowStart, this.#readUntil))
    const now = this.#tokenizer.decode(this.#tokens.slice(this.#windowStart))
    if (now.length <= before.length || (!all && now.endsWith(INCOMPLETE))) return ''
    this.#windowStart = this.#readUntil
    this.#readUntil = this.#tokens.length
    return now.slice(before.length)
  }
}

/** Holds back text that may be the start of a stop string. */
export class StopFilter {
  readonly #stops: readonly string[]
  #held = ''

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0)
  }

  /** `text` is safe to show; `stopped` once a stop string has come, after which nothing more may be pushed. */
  push(text: string): { readonly text: string; readonly stopped: boolean } {
    this.#held += text
    const first = Math.min(...this.#stops.map((stop) => indexOrInfinity(this.#held, stop)))
    if (first !== Infinity) return this.#release(first, true)
    return this.#release(this.#held.length - this.#possibleStart(), false)
  }

  end(): string {
    return this.#release(this.#held.length, false).text
  }

  /** Length of the longest end of the held text that a stop string begins with. */
  #possibleStart(): number {
    let longest = 0
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, this.#held.length); length > longest; length -= 1) {
        if (this.#held.endsWith(stop.slice(0, length))) longest = length
      }
    }
    return longest
  }

  #release(length: number, stopped: boolean): { readonly text: string; readonly stopped: boolean } {
    const text = this.#held.slice(0, length)
    this.#held = stopped ? '' : this.#held.slice(length)
    return { text, stopped }
  }
}

function indexOrInfinity(text: string, part: string): number {
  const index = text.indexOf(part)
  return index === -1 ? Infinity : index
}
