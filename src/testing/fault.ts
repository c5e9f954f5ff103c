import type { ErrorShape } from '../contracts/error-shape.ts'

/** An error of this library, `new EngineError('device-lost', …)` for one. */
export type Fault = Error & Omit<ErrorShape, 'cause'>

/** Whether a thrown value is one that the ports turn into an `error` part. */
export function isFault(error: unknown): error is Fault {
  return error instanceof Error && 'code' in error && 'retryable' in error
}

/** A fault as the data that an `error` part carries. */
export function shapeOf({ code, message, retryable, details }: Fault): ErrorShape {
  return { code, message, retryable, details }
}
