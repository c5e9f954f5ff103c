import { TransaxleError } from './base.ts'

/** A programmer's mistake: a bad option, an input its task refuses, a task nobody defined. The message says what to change. */
export class UsageError extends TransaxleError<'invalid-option' | 'invalid-input' | 'unknown-task' | 'invalid-answer'> {
  override readonly name = 'UsageError'
}
