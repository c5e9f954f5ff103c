import type { ErrorCode, ErrorShape } from '../contracts/error-shape.ts'
import { AbortError } from './abort-error.ts'
import { isTransaxleError, TransaxleError } from './base.ts'

const DEEPEST_CAUSE = 4

/**
 * Any thrown value as plain data. `code` is for values that are not errors of this library.
 * A `DOMException` named `AbortError` becomes `aborted`.
 */
export function toShape(value: unknown, code: ErrorCode = 'engine-failed', depth = 0): ErrorShape {
  if (isShape(value)) return value
  const cause =
    value instanceof Error && value.cause !== undefined && depth < DEEPEST_CAUSE ? toShape(value.cause, code, depth + 1) : undefined
  if (isTransaxleError(value)) {
    return { code: value.code, message: value.message, retryable: value.retryable, details: value.details, cause }
  }
  if (value instanceof Error) {
    return { code: value.name === 'AbortError' ? 'aborted' : code, message: value.message, retryable: false, cause }
  }
  return { code, message: String(value), retryable: false }
}

/** The error that a shape describes, to be thrown on this side of a border. */
export function fromShape(shape: ErrorShape): TransaxleError {
  const cause = shape.cause === undefined ? undefined : fromShape(shape.cause)
  if (shape.code === 'aborted') return new AbortError(shape.message, { cause })
  return new TransaxleError(shape.code, shape.message, { retryable: shape.retryable, details: shape.details, cause })
}

function isShape(value: unknown): value is ErrorShape {
  return (
    typeof value === 'object' &&
    value !== null &&
    !(value instanceof Error) &&
    'code' in value &&
    'message' in value &&
    'retryable' in value
  )
}
