import type { EngineOptions, LoadOptions } from '../contracts/engine.ts'
import type { ErrorCode } from '../contracts/error-shape.ts'
import type { LoadReport } from '../contracts/models.ts'
import { isTransaxleError } from '../errors/base.ts'
import { withDeadline } from '../utils/deadline.ts'
import type { WorkerSupervisor } from './supervisor.ts'

/** Faults that a GPU can have and WASM has not. */
const STEP_DOWN: ReadonlySet<ErrorCode> = new Set(['self-check-failed', 'device-lost', 'engine-failed', 'worker-died'])

/** Loads one model through a supervisor, once, stepping down from WebGPU to WASM where `auto` allows it. */
export class EngineLoader {
  readonly #supervisor: WorkerSupervisor
  readonly #engine: EngineOptions
  #report: Promise<LoadReport> | undefined
  #pending = false

  constructor(supervisor: WorkerSupervisor, engine: EngineOptions) {
    this.#supervisor = supervisor
    this.#engine = engine
  }

  /** A second call joins the first, with its own deadline and abort; only the first one's stop the load. */
  load(options: LoadOptions): Promise<LoadReport> {
    const known = this.#report
    if (known !== undefined && (this.#pending || this.#supervisor.loaded)) {
      return withDeadline(known, 'the model to load', options.deadline, options.signal)
    }
    this.#pending = true
    const made = this.#load(options).finally(() => {
      this.#pending = false
    })
    this.#report = made
    made.catch(() => {
      if (this.#report === made) this.#report = undefined
    })
    return made
  }

  async unload(deadline: number): Promise<void> {
    this.#report = undefined
    await this.#supervisor.unload(deadline)
  }

  async #load(options: LoadOptions): Promise<LoadReport> {
    const engine = this.#engine
    try {
      return await this.#supervisor.load(engine, options)
    } catch (error) {
      if (engine.backend !== 'auto' || !isTransaxleError(error) || !STEP_DOWN.has(error.code) || this.#supervisor.closed)
        throw error
      if (error.details?.['backend'] === 'wasm') throw error

      // A worker that has met a lost device, or holds the GPU build's memory, is not one to go on with.
      this.#supervisor.restart()
      const report = await this.#supervisor.load({ ...engine, backend: 'wasm' }, options)
      return { ...report, reason: `${report.reason} Stepped down from WebGPU, which failed: ${error.message}` }
    }
  }
}
