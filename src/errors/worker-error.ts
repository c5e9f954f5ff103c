import { TransaxleError } from './base.ts'

/** The worker itself went wrong: it died, or it could not be started or understood. */
export class WorkerError extends TransaxleError<'worker-died' | 'worker-failed'> {
  override readonly name = 'WorkerError'
}
