import type { ErrorCode, ErrorShape } from '../contracts/error-shape.ts'

const MARKER: unique symbol = Symbol.for('transaxle.error')

export interface ErrorOptionsWithFacts {
  readonly retryable?: boolean | undefined
  readonly details?: ErrorShape['details']
  readonly cause?: unknown
}

/** Base of every error this library throws. Recognised by `isTransaxleError` across realms and duplicate copies of the package. */
export class TransaxleError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name: string = 'TransaxleError'
  readonly code: C
  readonly retryable: boolean
  readonly details: ErrorShape['details']

  constructor(code: C, message: string, options: ErrorOptionsWithFacts = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? false
    this.details = options.details
    Object.defineProperty(this, MARKER, { value: true })
  }
}

/** Whether `value` is an error of this library, of any copy or realm. */
export function isTransaxleError(value: unknown): value is TransaxleError {
  return typeof value === 'object' && value !== null && MARKER in value
}
