import { TransaxleError } from './base.ts'

/** A model's files: not there, not what the manifest says, or not runnable here. `details.file` names the file. */
export class ModelError extends TransaxleError<'model-not-found' | 'model-corrupt' | 'model-incompatible'> {
  override readonly name = 'ModelError'
}
