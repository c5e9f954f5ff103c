import { TransaxleError } from './base.ts'

/** The engine that runs the model failed, or cannot take this request. */
export class EngineError extends TransaxleError<
  'self-check-failed' | 'device-lost' | 'context-overflow' | 'out-of-memory' | 'engine-failed' | 'not-loaded'
> {
  override readonly name = 'EngineError'
}
