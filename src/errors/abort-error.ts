import { TransaxleError } from './base.ts'

/** The caller took the call back. Never retried, never an outcome. */
export class AbortError extends TransaxleError<'aborted'> {
  override readonly name = 'AbortError'

  constructor(message = 'The caller aborted the request.', options: { readonly cause?: unknown } = {}) {
    super('aborted', message, options)
  }
}
