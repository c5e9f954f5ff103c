import { TransaxleError } from './base.ts'

/** Storage: not there, full, or broken. */
export class StoreError extends TransaxleError<'store-unavailable' | 'store-quota' | 'store-failed'> {
  override readonly name = 'StoreError'
}
