import type { ErrorShape } from '../contracts/error-shape.ts'
import { StoreError } from '../errors/store-error.ts'

/** Whatever storage threw, as the error the port promises. Errors that are typed already stay as they are. */
export function storeFailure(cause: unknown, doing: string): StoreError {
  if (cause instanceof StoreError) return cause
  if (nameOf(cause) === 'QuotaExceededError') {
    return new StoreError(
      'store-quota',
      `The storage of this site is full (${doing}). Delete data, or ask for persistent storage.`,
      { cause },
    )
  }
  const why = cause instanceof Error ? cause.message : String(cause)
  return new StoreError('store-failed', `Storage failed (${doing}): ${why}`, { cause })
}

/** Storage that cannot be used at all, for now or for good. */
export function unavailable(
  message: string,
  options: { cause?: unknown; retryable?: boolean; details?: ErrorShape['details'] } = {},
): StoreError {
  return new StoreError('store-unavailable', message, options)
}

/** The name of a `DOMException` or other error. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}
