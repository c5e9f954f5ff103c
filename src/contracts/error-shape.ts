/**
 * Every foreseeable fault has one of these codes. The code is the contract; the message is for people and may change.
 */
export type ErrorCode =
  | 'aborted'
  | 'timeout'
  | 'invalid-option'
  | 'invalid-input'
  | 'unknown-task'
  | 'worker-died'
  | 'worker-failed'
  | 'model-not-found'
  | 'model-corrupt'
  | 'model-incompatible'
  | 'self-check-failed'
  | 'device-lost'
  | 'context-overflow'
  | 'out-of-memory'
  | 'engine-failed'
  | 'not-loaded'
  | 'network'
  | 'gateway-refused'
  | 'gateway-failed'
  | 'stream-truncated'
  | 'invalid-answer'
  | 'store-unavailable'
  | 'store-quota'
  | 'store-failed'

/** An error as plain data: what crosses the worker border, goes on the wire and into a trace. */
export interface ErrorShape {
  readonly code: ErrorCode
  readonly message: string
  /** True where the same call may succeed later without a change by the caller. */
  readonly retryable: boolean
  /** Facts a program can use (a file name, a status, a limit). Never the text of a request. */
  readonly details?: Readonly<Record<string, string | number | boolean>> | undefined
  readonly cause?: ErrorShape | undefined
}
