/** What went wrong, for programs. The message is for people and may change. */
export type ApiErrorCode =
  | 'invalid_json'
  | 'missing_parameter'
  | 'unknown_parameter'
  | 'invalid_value'
  | 'max_tokens_exceeded'
  | 'context_length_exceeded'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'host_not_allowed'
  | 'origin_not_allowed'
  | 'not_found'
  | 'method_not_allowed'
  | 'model_not_found'
  | 'idempotency_key_reused'
  | 'not_in_answer_key'
  | 'rate_limit_exceeded'
  | 'client_closed_request'
  | 'upstream_refused'
  | 'upstream_misconfigured'
  | 'upstream_unreachable'
  | 'upstream_failed'
  | 'upstream_timeout'
  | 'upstream_truncated'
  | 'upstream_invalid'
  | 'internal_error'

/** HTTP statuses of errors. 499 is for the log alone: its client is gone. */
export type ApiErrorStatus = 400 | 403 | 404 | 405 | 413 | 415 | 422 | 429 | 499 | 500 | 502 | 503 | 504

/** The class of an error, as OpenAI's API names them. */
export type ApiErrorType = 'invalid_request_error' | 'idempotency_error' | 'rate_limit_error' | 'upstream_error' | 'server_error'

/** OpenAI's error body: what a response with a status of 400 or more holds, and what a broken stream ends with. */
export interface ApiErrorBody {
  readonly error: {
    readonly message: string
    readonly type: ApiErrorType
    readonly param: string | null
    readonly code: ApiErrorCode
  }
}

export interface ApiErrorOptions {
  /** The request's member that is at fault, as a path: `messages[0].role`. */
  readonly param?: string | undefined
  /** Seconds after which another try makes sense. */
  readonly retryAfter?: number | undefined
  readonly cause?: unknown
}

/** An error that a client may see. Its message never holds a key, nor the text of a request or an answer. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: ApiErrorStatus
  readonly code: ApiErrorCode
  readonly param: string | undefined
  readonly retryAfter: number | undefined

  constructor(status: ApiErrorStatus, code: ApiErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.status = status
    this.code = code
    this.param = options.param
    this.retryAfter = options.retryAfter
  }

  get type(): ApiErrorType {
    if (this.code === 'idempotency_key_reused') return 'idempotency_error'
    if (this.code === 'rate_limit_exceeded') return 'rate_limit_error'
    if (this.code.startsWith('upstream_') && this.code !== 'upstream_refused') return 'upstream_error'
    return this.status >= 500 ? 'server_error' : 'invalid_request_error'
  }

  toBody(): ApiErrorBody {
    return { error: { message: this.message, type: this.type, param: this.param ?? null, code: this.code } }
  }
}

/** Any thrown value as an error that a client may see. What is not an `ApiError` says nothing about its inside. */
export function toApiError(value: unknown): ApiError {
  if (value instanceof ApiError) return value
  return new ApiError(500, 'internal_error', 'The gateway failed on this request. Its log has the request id and the cause.', {
    cause: value,
  })
}

/** The caller is gone: nobody reads this error, it settles what still waits. */
export function clientClosed(): ApiError {
  return new ApiError(499, 'client_closed_request', 'The client closed the request.')
}
