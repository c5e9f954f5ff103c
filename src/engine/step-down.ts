import type { EngineOptions } from '../contracts/engine.ts'
import type { ErrorCode } from '../contracts/error-shape.ts'
import type { LoadReport } from '../contracts/models.ts'
import { isTransaxleError, type TransaxleError } from '../errors/base.ts'

/** Faults that a GPU can have and WASM has not. */
const GPU_FAULTS: ReadonlySet<ErrorCode> = new Set(['self-check-failed', 'device-lost', 'engine-failed', 'worker-died'])

/** What to load instead after a load failed: the same on WASM, if `auto` left the choice and the GPU may be to blame. */
export function stepDown(model: EngineOptions, error: unknown): EngineOptions | undefined {
  if (model.backend !== 'auto' || !isTransaxleError(error) || !GPU_FAULTS.has(error.code)) return undefined
  return error.details?.['backend'] === 'wasm' || error.details?.['closed'] === true ? undefined : { ...model, backend: 'wasm' }
}

/** The report of such a load, saying what went before. */
export function steppedDown(report: LoadReport, { message }: TransaxleError | Error): LoadReport {
  return { ...report, reason: `${report.reason} Stepped down from WebGPU, which failed: ${message}` }
}
