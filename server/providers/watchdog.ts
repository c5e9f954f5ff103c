import { ApiError } from '../errors.ts'

/** Milliseconds that an upstream may take. */
export interface UpstreamTimeouts {
  /** From the call to the response's headers. */
  readonly connect: number
  /** From the headers to the first event. */
  readonly firstToken: number
  /** Between two events. Comments do not count: they keep a connection open, not an answer going. */
  readonly idle: number
  /** From the call to its end. */
  readonly total: number
}

export const DEFAULT_TIMEOUTS: UpstreamTimeouts = { connect: 30_000, firstToken: 60_000, idle: 30_000, total: 600_000 }

const PHASES: Record<keyof UpstreamTimeouts, string> = {
  connect: 'its response to begin',
  firstToken: 'its first token',
  idle: 'its next token',
  total: 'the end of its answer',
}

/** One signal for everything that ends a call to an upstream: the caller's abort, or the deadline of the phase it is in. */
export class Watchdog {
  readonly #abort = new AbortController()
  readonly #timeouts: UpstreamTimeouts
  readonly #caller: AbortSignal
  readonly #total: ReturnType<typeof setTimeout>
  #phase: ReturnType<typeof setTimeout> | undefined

  constructor(timeouts: UpstreamTimeouts, caller: AbortSignal) {
    this.#timeouts = timeouts
    this.#caller = caller
    caller.addEventListener('abort', this.#onCallerAbort, { once: true })
    if (caller.aborted) this.#onCallerAbort()
    this.#total = this.#deadline('total')
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Starts the deadline of a phase, in place of the one before. */
  enter(phase: 'connect' | 'firstToken' | 'idle'): void {
    clearTimeout(this.#phase)
    this.#phase = this.#deadline(phase)
  }

  /** Ends the call. Its connection is closed, if it is still open. */
  stop(): void {
    clearTimeout(this.#phase)
    clearTimeout(this.#total)
    this.#caller.removeEventListener('abort', this.#onCallerAbort)
    this.#abort.abort()
  }

  readonly #onCallerAbort = (): void => this.#abort.abort(this.#caller.reason)

  #deadline(phase: keyof UpstreamTimeouts): ReturnType<typeof setTimeout> {
    const milliseconds = this.#timeouts[phase]
    return setTimeout(() => {
      this.#abort.abort(
        new ApiError(
          504,
          'upstream_timeout',
          `The upstream took more than ${milliseconds} ms; the gateway was waiting for ${PHASES[phase]}.`,
        ),
      )
    }, milliseconds)
  }
}
