import type { Remote } from 'comlink'
import { proxy } from 'comlink'

import type { EngineOptions } from '../contracts/engine.ts'
import type { ErrorCode } from '../contracts/error-shape.ts'
import type { LoadProgress, LoadReport } from '../contracts/models.ts'
import type { EngineWorker, Wire, WorkerKind } from '../contracts/wire.ts'
import { isTransaxleError, type TransaxleError } from '../errors/base.ts'
import { EngineError } from '../errors/engine-error.ts'
import { fromShape, toShape } from '../errors/shape.ts'
import { WorkerError } from '../errors/worker-error.ts'
import { throwIfAborted } from '../utils/deadline.ts'
import type { Life, LifeAction } from './life.ts'
import { NEW_LIFE, nextLife } from './life.ts'
import type { EndedBy } from './session.ts'
import { WorkerSession } from './session.ts'
import { stepDown, steppedDown } from './step-down.ts'
import { watch } from './watchdog.ts'

/** After these a call is made again on a new worker. */
const DEATHS: ReadonlySet<ErrorCode> = new Set(['worker-died'])
const LOSSES: ReadonlySet<ErrorCode> = new Set(['worker-died', 'device-lost'])

export interface SupervisorOptions {
  readonly kind: WorkerKind
  readonly createWorker: () => Worker
  /** Names request ids and locks; each one fresh. Default `crypto.randomUUID`. */
  readonly newId?: (() => string) | undefined
  /** Default `navigator.locks`. Without it a death shows only as an error event or a missed deadline. */
  readonly locks?: LockManager | undefined
  /** Milliseconds on any clock that only goes forward. Default `performance.now`. */
  readonly now?: (() => number) | undefined
  /** Milliseconds for the worker's script to load and say hello. Default 30,000. */
  readonly helloDeadline?: number | undefined
  /** Milliseconds without any progress that a load may take. Default 120,000. */
  readonly loadDeadline?: number | undefined
  /** Milliseconds a cancelled call may go on before its worker is ended and started anew. Default 5,000. */
  readonly cancelGrace?: number | undefined
  /** So many deaths within `deathWindow` milliseconds, and no restart until the next `load`. Default 4 in 60,000. */
  readonly maxDeaths?: number | undefined
  readonly deathWindow?: number | undefined
}

/** One call to the worker. `deadline` is in milliseconds, from the call, and anew from each `alive()`. */
export interface SupervisedCall<T> {
  /** What is waited for, for a `TimeoutError` to name. */
  readonly name: string
  readonly deadline: number
  readonly signal?: AbortSignal | undefined
  /** Made once, and a second time if the worker dies under it. */
  readonly invoke: (worker: Remote<EngineWorker>, id: string, alive: () => void) => Promise<Wire<T>>
}

export interface SupervisedLoad {
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined
  /** Milliseconds for the whole load. Without it, only a load that makes no progress for `loadDeadline` is given up. */
  readonly deadline?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Owns one worker of a kind and adds what Comlink lacks. The worker is made at the first call; it holds a Web Lock for its
 * life, so that its death is known however it came about (`terminate`, a crash, memory). A call whose worker dies is made once
 * more on a new worker with the same model loaded; after that it rejects. Every call settles: with its answer, its error, its
 * deadline (`TimeoutError`), the caller's abort (`AbortError`), or the worker's death (`WorkerError`, `worker-died`).
 *
 * Where there are no Web Locks (Node, a page outside a secure context), only error events and deadlines tell of a death.
 */
export class WorkerSupervisor {
  readonly #options: SupervisorOptions
  #life: Life = NEW_LIFE
  #session: WorkerSession | undefined
  #ready: Promise<WorkerSession> | undefined
  #loading: Promise<void> | undefined
  #model: EngineOptions | undefined
  #report: LoadReport | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  /** What is loaded, and will be again at the next call if the worker has died; undefined if nothing is. */
  get report(): LoadReport | undefined {
    return this.#life.phase === 'broken' || this.#life.phase === 'closed' ? undefined : this.#report
  }

  /**
   * Loads a model; other calls made meanwhile wait for it. It is loaded again, with these options, on each restart. With
   * `backend: 'auto'`, a load that fails on the GPU is made again on WASM, and the report says so.
   */
  load(model: EngineOptions, options: SupervisedLoad = {}): Promise<LoadReport> {
    this.#step({ type: 'forgive' })
    this.#forget()
    const loading = this.#load(model, options)
    this.#loading = loading.then(
      () => undefined,
      () => undefined,
    )
    return loading
  }

  /** One call, after a load in progress. Made again once if its worker dies or loses its GPU. */
  call<T>(call: SupervisedCall<T>): Promise<T> {
    return this.#watched(call, this.#loading, LOSSES)
  }

  /** Forgets the model and ends the worker, which alone gives its memory back. The next load starts a new one. */
  async unload(deadline: number): Promise<void> {
    const session = this.#session
    this.#forget()
    if (session === undefined) return
    const id = this.#newId()
    try {
      await watch('the model to unload', deadline, undefined, () => session.call(id, (worker) => worker.unload(id)))
    } catch {
      // Whether it let go of its resources or not, it is ended now, which frees them.
    }
    session.end(new EngineError('not-loaded', 'The model was unloaded. Call load() first.'), 'stop')
  }

  /** Ends the worker for good. What is pending rejects with `worker-died`, as does every later call. */
  close(): void {
    this.#step({ type: 'close' })
    this.#session?.end(this.#closed(), 'stop')
  }

  async #load(model: EngineOptions, options: SupervisedLoad): Promise<LoadReport> {
    const load = (model: EngineOptions): Promise<LoadReport> => this.#watched(this.#loadCall(model, options), undefined, DEATHS)
    try {
      return this.#remember(model, await load(model))
    } catch (error) {
      const lower = stepDown(model, error)
      if (lower === undefined) throw error

      // A worker that has met a lost device, or holds the GPU build's memory, is not one to go on with.
      const reason = asError(error)
      this.#session?.end(reason, 'stop')
      return this.#remember(lower, steppedDown(await load(lower), reason))
    }
  }

  #loadCall(model: EngineOptions, options: SupervisedLoad): SupervisedCall<LoadReport> {
    return {
      name: 'the model to load',
      deadline: options.deadline ?? this.#options.loadDeadline ?? 120_000,
      signal: options.signal,
      invoke: (worker, id, alive) => {
        const onProgress = (progress: LoadProgress): void => {
          if (options.deadline === undefined) alive()
          options.onProgress?.(progress)
        }
        return worker.load(id, model, proxy(onProgress))
      },
    }
  }

  #remember(model: EngineOptions, report: LoadReport): LoadReport {
    this.#model = model
    this.#report = report
    return report
  }

  #forget(): void {
    this.#model = undefined
    this.#report = undefined
  }

  #watched<T>(call: SupervisedCall<T>, after: Promise<void> | undefined, replayOn: ReadonlySet<ErrorCode>): Promise<T> {
    return watch(call.name, call.deadline, call.signal, async (alive, stop) => {
      await after
      for (let replayed = false; ; replayed = true) {
        let session: WorkerSession | undefined
        try {
          session = await this.#start()
          throwIfAborted(stop)
          const id = this.#newId()
          return await session.call(id, (worker) => call.invoke(worker, id, alive), stop)
        } catch (error) {
          if (!isTransaxleError(error) || !replayOn.has(error.code)) throw error
          session?.end(error, 'death')
          if (replayed || stop.aborted || this.#life.phase === 'closed') throw error
        }
      }
    })
  }

  /** The running worker, or a new one with its model loaded. */
  #start(): Promise<WorkerSession> {
    if (this.#ready !== undefined) return this.#ready
    const ready = this.#open()
    this.#ready = ready
    ready.catch(() => {
      if (this.#ready === ready) this.#ready = undefined
    })
    return ready
  }

  async #open(): Promise<WorkerSession> {
    const model = this.#model
    try {
      return await this.#openWith(model)
    } catch (error) {
      const lower = model === undefined ? undefined : stepDown(model, error)
      if (lower === undefined || this.#model !== model) throw error
      return this.#openWith(lower, asError(error))
    }
  }

  /** `failed`: why the model is not loaded as it was asked for. */
  async #openWith(model: EngineOptions | undefined, failed?: TransaxleError): Promise<WorkerSession> {
    const life = this.#step({ type: 'start' })
    const { kind, createWorker, locks, helloDeadline = 30_000, cancelGrace = 5_000 } = this.#options
    if (life.phase === 'closed') throw this.#closed()
    if (life.phase === 'broken') {
      throw new WorkerError('worker-died', `The ${kind} worker keeps dying and is not started again until load() is called.`, {
        details: { kind, deaths: life.deaths.length },
      })
    }
    const session: WorkerSession = new WorkerSession({
      kind,
      createWorker,
      lock: `transaxle:${kind}:${this.#newId()}`,
      locks: locks ?? globalThis.navigator?.locks,
      helloDeadline,
      cancelGrace,
      onEnd: (by) => this.#onEnd(session, by),
    })
    this.#session = session
    await session.hello()
    if (model !== undefined) {
      const report = await this.#reload(session, model)
      this.#remember(model, failed === undefined ? report : steppedDown(report, failed))
    }
    if (session.reason !== undefined) throw session.reason
    this.#step({ type: 'ready' })
    return session
  }

  async #reload(session: WorkerSession, model: EngineOptions): Promise<LoadReport> {
    const id = this.#newId()
    const { name, deadline, invoke } = this.#loadCall(model, {})
    try {
      return await watch(name, deadline, undefined, (alive, stop) => session.call(id, (worker) => invoke(worker, id, alive), stop))
    } catch (error) {
      session.end(asError(error), 'stop')
      throw error
    }
  }

  #onEnd(session: WorkerSession, by: EndedBy): void {
    if (this.#session === session) {
      this.#session = undefined

      // While it starts, `#open` goes on or rejects, and whoever comes meanwhile shares that.
      if (this.#life.phase !== 'starting') this.#ready = undefined
    }
    this.#step(by === 'death' ? { type: 'died', at: this.#now() } : { type: 'stopped' })

    // Whoever took a call back usually makes another: have the model there by then.
    if (by === 'kill' && this.report !== undefined) this.#start().catch(() => undefined)
  }

  #step(action: LifeAction): Life {
    const { maxDeaths = 4, deathWindow = 60_000 } = this.#options
    this.#life = nextLife(this.#life, action, { maxDeaths, deathWindow })
    return this.#life
  }

  #closed(): TransaxleError {
    return new WorkerError('worker-died', `The ${this.#options.kind} engine was closed.`, { details: { closed: true } })
  }

  #newId(): string {
    return this.#options.newId?.() ?? crypto.randomUUID()
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now()
  }
}

function asError(error: unknown): TransaxleError {
  return isTransaxleError(error) ? error : fromShape(toShape(error, 'worker-failed'))
}
