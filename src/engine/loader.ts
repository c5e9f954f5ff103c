import type { EngineOptions, LoadOptions } from '../contracts/engine.ts'
import type { LoadReport } from '../contracts/models.ts'
import { withDeadline } from '../utils/deadline.ts'
import type { WorkerSupervisor } from './supervisor.ts'

/** Loads one model through a supervisor, once, for everybody who asks. */
export class EngineLoader {
  readonly #supervisor: WorkerSupervisor
  readonly #engine: EngineOptions
  #loading: Promise<LoadReport> | undefined

  constructor(supervisor: WorkerSupervisor, engine: EngineOptions) {
    this.#supervisor = supervisor
    this.#engine = engine
  }

  /**
   * The report of the model that is loaded; it changes when the worker had to be started anew. A call while a load goes on joins
   * it, with its own deadline and abort; only those of the first stop the load.
   */
  load(options: LoadOptions): Promise<LoadReport> {
    const { report } = this.#supervisor
    if (this.#loading !== undefined) return withDeadline(this.#loading, 'the model to load', options.deadline, options.signal)
    if (report !== undefined) return Promise.resolve(report)
    const loading = this.#supervisor.load(this.#engine, options).finally(() => {
      this.#loading = undefined
    })
    this.#loading = loading
    return loading
  }
}
