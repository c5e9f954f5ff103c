import type { LoadReport } from '../contracts/models.ts'
import type { Task } from '../contracts/task.ts'

/**
 * The name a calibrator and its outcomes are kept under: `task@version#hash/rung/model@revision:dtype:backend`.
 * An edited prompt, another weight format or another backend gives other signals, so it starts a calibrator of its own.
 */
export function calibrationKey(
  task: Pick<Task<never, unknown>, 'name' | 'version' | 'hash'>,
  rung: string,
  model: Pick<LoadReport, 'model' | 'revision' | 'dtype' | 'backend'>,
): string {
  return `${task.name}@${task.version}#${task.hash}/${rung}/${model.model}@${model.revision}:${model.dtype}:${model.backend}`
}
