import { TimeoutError } from '../errors/timeout-error.ts'
import { abortError } from '../utils/deadline.ts'

/** `setTimeout` fires at once for anything longer. */
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Runs `work` until it settles, `signal` aborts (AbortError), or `milliseconds` have passed without a sign of life
 * (TimeoutError): from the start, and anew from each `alive()`. In the last two cases `stop` aborts, which tells the work to end.
 */
export function watch<T>(
  name: string,
  milliseconds: number,
  signal: AbortSignal | undefined,
  work: (alive: () => void, stop: AbortSignal) => Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let over = false
    const settle = (then: () => void): void => {
      if (over) return
      over = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      then()
    }
    const give = (error: Error): void =>
      settle(() => {
        stop.abort()
        reject(error)
      })
    const onAbort = (): void => give(abortError(signal))
    const alive = (): void => {
      clearTimeout(timer)
      if (!over) timer = setTimeout(() => give(new TimeoutError(name, milliseconds)), Math.min(milliseconds, LONGEST_TIMER))
    }
    alive()
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted === true) {
      onAbort()
      return
    }
    work(alive, stop.signal).then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    )
  })
}
