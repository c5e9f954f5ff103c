import { TransaxleError } from './base.ts'

/** A deadline passed. `details.milliseconds` is how long was waited, `details.phase` for what. */
export class TimeoutError extends TransaxleError<'timeout'> {
  override readonly name = 'TimeoutError'

  constructor(phase: string, milliseconds: number) {
    super('timeout', `No answer within ${milliseconds} ms while waiting for ${phase}.`, {
      retryable: true,
      details: { phase, milliseconds },
    })
  }
}
