import { AbortError } from '../errors/abort-error.ts'
import { TimeoutError } from '../errors/timeout-error.ts'

/**
 * `promise`, or a rejection when `signal` aborts (AbortError) or `milliseconds` have passed (TimeoutError), whichever is first.
 * The work behind the promise is not stopped by this: stop it on the rejection.
 */
export function withDeadline<T>(
  promise: Promise<T>,
  phase: string,
  milliseconds: number | undefined,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer =
      milliseconds === undefined
        ? undefined
        : setTimeout(() => settle(() => reject(new TimeoutError(phase, milliseconds))), milliseconds)
    const onAbort = (): void => settle(() => reject(abortError(signal)))
    const settle = (then: () => void): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      then()
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted === true) onAbort()
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    )
  })
}

/** The AbortError for a signal that has fired. */
export function abortError(signal?: AbortSignal): AbortError {
  return new AbortError(undefined, { cause: signal?.reason })
}

/** Throws AbortError if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortError(signal)
}
