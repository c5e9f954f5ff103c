import type { CallOptions, EmbeddingEngine, EngineOptions, LoadOptions } from '../contracts/engine.ts'
import type { LoadReport } from '../contracts/models.ts'
import { EngineLoader } from './loader.ts'
import type { SupervisorOptions } from './supervisor.ts'
import { WorkerSupervisor } from './supervisor.ts'

/** Milliseconds, from the call to its end. */
export interface EmbeddingDeadlines {
  /** Default 60,000. */
  readonly embed?: number | undefined
  /** Default 5,000. */
  readonly unload?: number | undefined
}

export interface EmbeddingClientOptions extends Omit<SupervisorOptions, 'kind'> {
  readonly engine: EngineOptions
  readonly deadlines?: EmbeddingDeadlines | undefined
}

/** The `EmbeddingEngine` that runs in a worker of its own, made at the first call. Loads as `GenerationClient` does. */
export class EmbeddingClient implements EmbeddingEngine {
  readonly #supervisor: WorkerSupervisor
  readonly #loader: EngineLoader
  readonly #deadlines: EmbeddingDeadlines

  constructor(options: EmbeddingClientOptions) {
    this.#supervisor = new WorkerSupervisor({ ...options, kind: 'embed' })
    this.#loader = new EngineLoader(this.#supervisor, options.engine)
    this.#deadlines = options.deadlines ?? {}
  }

  /** Loads the model once; a second call gives the first one's report. Rejects with a typed error. */
  load(options: LoadOptions = {}): Promise<LoadReport> {
    return this.#loader.load(options)
  }

  /** One unit-length vector for each text, in order. Rejects with a typed error, `AbortError` for the caller's own abort. */
  async embed(texts: readonly string[], options: CallOptions = {}): Promise<readonly Float32Array[]> {
    if (texts.length === 0) return []
    return this.#supervisor.call({
      name: 'embeddings',
      deadline: options.deadline ?? this.#deadlines.embed ?? 60_000,
      signal: options.signal,
      invoke: (worker, id) => worker.embed(id, texts),
    })
  }

  /** Gives the model's memory back. Calls that are pending reject with `not-loaded`. */
  unload(): Promise<void> {
    return this.#supervisor.unload(this.#deadlines.unload ?? 5_000)
  }

  /** Ends the worker for good. */
  close(): void {
    this.#supervisor.close()
  }
}
