import { proxy } from 'comlink'

import type {
  CallOptions,
  EngineOptions,
  GenerateRequest,
  GenerationCapabilities,
  GenerationEngine,
  LoadOptions,
  Prompt,
} from '../contracts/engine.ts'
import type { LoadReport } from '../contracts/models.ts'
import type { Part, Source } from '../contracts/part.ts'
import type { CandidateScore } from '../contracts/signals.ts'
import { toShape } from '../errors/shape.ts'
import { WorkerError } from '../errors/worker-error.ts'
import { abortError, throwIfAborted } from '../utils/deadline.ts'
import { AsyncQueue } from '../utils/queue.ts'
import { EngineLoader } from './loader.ts'
import { Replay } from './replay.ts'
import type { SupervisorOptions } from './supervisor.ts'
import { WorkerSupervisor } from './supervisor.ts'

/** Milliseconds. `generate`: to the first part, and between parts; the others from the call to its end. */
export interface GenerationDeadlines {
  /** Default 60,000. */
  readonly generate?: number | undefined
  /** Default 60,000. */
  readonly score?: number | undefined
  /** Default 15,000. */
  readonly countTokens?: number | undefined
  /** Default 5,000. */
  readonly unload?: number | undefined
}

export interface GenerationClientOptions extends Omit<SupervisorOptions, 'kind'> {
  readonly engine: EngineOptions
  /** What the worker's engine has. Default: raw signals, prefix reuse, no grammar. */
  readonly capabilities?: GenerationCapabilities | undefined
  readonly deadlines?: GenerationDeadlines | undefined
}

/**
 * The `GenerationEngine` that runs in a worker of its own. The worker is made at the first call. With `backend: 'auto'`, a load
 * that fails on the GPU is made again on WASM, and the report says so.
 */
export class GenerationClient implements GenerationEngine {
  readonly capabilities: GenerationCapabilities
  readonly #supervisor: WorkerSupervisor
  readonly #loader: EngineLoader
  readonly #deadlines: GenerationDeadlines
  readonly #model: string

  constructor(options: GenerationClientOptions) {
    this.capabilities = options.capabilities ?? { signals: true, grammar: false, prefixReuse: true }
    this.#supervisor = new WorkerSupervisor({ ...options, kind: 'generate' })
    this.#loader = new EngineLoader(this.#supervisor, options.engine)
    this.#deadlines = options.deadlines ?? {}
    this.#model = options.engine.model.id
  }

  /** Loads the model once; a second call gives the first one's report. Rejects with a typed error. */
  load(options: LoadOptions = {}): Promise<LoadReport> {
    return this.#loader.load(options)
  }

  /**
   * Errors are `error` parts, deadlines and the worker's death too; the caller's own abort is a thrown `AbortError`. Leaving the
   * loop early stops the worker. If the worker dies, the answer goes on where it was, from a second run.
   */
  async *generate(request: GenerateRequest, options: CallOptions = {}): AsyncGenerator<Part> {
    throwIfAborted(options.signal)
    const left = new AbortController()
    const queue = new AsyncQueue<Part>()
    const replay = new Replay()
    let source: Source = { where: 'device', model: this.#model }
    const give = (part: Part): void => {
      source = part.source
      const next = replay.next(part)
      if (next !== undefined) queue.push(next)
      if (replay.ended) queue.close()
    }
    const fail = (error: unknown): void => give({ type: 'error', source, error: toShape(error) })
    let run = 0
    this.#supervisor
      .call<void>({
        name: 'the next part of an answer',
        deadline: options.deadline ?? this.#deadlines.generate ?? 60_000,
        signal: options.signal === undefined ? left.signal : AbortSignal.any([options.signal, left.signal]),
        invoke: (worker, id, alive) => {
          const mine = ++run
          replay.restart()
          const onParts = (parts: readonly Part[]): void => {
            // Batches of a worker that has died may still be on their way when its replay has begun.
            if (mine !== run) return
            alive()
            for (const part of parts) give(part)
          }
          return worker.generate(id, request, proxy(onParts))
        },
      })
      .then(() => fail(new WorkerError('worker-failed', 'The worker ended an answer without a finish or an error.')), fail)
    try {
      for await (const part of queue) {
        if (options.signal?.aborted === true) throw abortError(options.signal)
        yield part
      }
    } finally {
      if (!replay.ended) left.abort()
    }
  }

  score(prompt: Prompt, candidates: readonly string[], options: CallOptions = {}): Promise<readonly CandidateScore[]> {
    return this.#supervisor.call({
      name: 'the scores of candidates',
      deadline: options.deadline ?? this.#deadlines.score ?? 60_000,
      signal: options.signal,
      invoke: (worker, id) => worker.score(id, prompt, candidates),
    })
  }

  countTokens(prompt: Prompt): Promise<number> {
    return this.#supervisor.call({
      name: 'a token count',
      deadline: this.#deadlines.countTokens ?? 15_000,
      invoke: (worker, id) => worker.countTokens(id, prompt),
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
