import type { Remote } from 'comlink'
import { proxy } from 'comlink'

import type { EngineOptions } from '../contracts/engine.ts'
import type { LoadProgress, LoadReport } from '../contracts/models.ts'
import type { EngineWorker, Wire, WorkerKind } from '../contracts/wire.ts'
import { isTransaxleError, type TransaxleError } from '../errors/base.ts'
import { EngineError } from '../errors/engine-error.ts'
import { WorkerError } from '../errors/worker-error.ts'
import { throwIfAborted } from '../utils/deadline.ts'
import type { Life, LifeAction } from './life.ts'
import { NEW_LIFE, nextLife } from './life.ts'
import type { EndedBy } from './session.ts'
import { WorkerSession } from './session.ts'
import { watch } from './watchdog.ts'

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

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  /** Whether a model is loaded, or will be again at the next call. */
  get loaded(): boolean {
    return this.#model !== undefined && this.#life.phase !== 'broken' && this.#life.phase !== 'closed'
  }

  get closed(): boolean {
    return this.#life.phase === 'closed'
  }

  /** Loads a model; other calls made meanwhile wait for it. It is loaded again, with these options, on each restart. */
  load(model: EngineOptions, options: SupervisedLoad = {}): Promise<LoadReport> {
    this.#step({ type: 'forgive' })
    this.#model = undefined
    const loading = this.#watched(
      {
        name: 'the model to load',
        deadline: options.deadline ?? this.#loadDeadline,
        signal: options.signal,
        invoke: (worker, id, alive) => {
          const onProgress = (progress: LoadProgress): void => {
            if (options.deadline === undefined) alive()
            options.onProgress?.(progress)
          }
          return worker.load(id, model, proxy(onProgress))
        },
      },
      undefined,
    ).then((report) => {
      this.#model = model
      return report
    })
    this.#loading = loading.then(
      () => undefined,
      () => undefined,
    )
    return loading
  }

  /** One call, after a load in progress. Made again once if its worker dies. */
  call<T>(call: SupervisedCall<T>): Promise<T> {
    return this.#watched(call, this.#loading)
  }

  /** Ends the worker and forgets the model; the next call starts a new worker. Calls that are pending reject with `not-loaded`. */
  restart(): void {
    this.#model = undefined
    this.#session?.end(new EngineError('not-loaded', 'The model was unloaded. Call load() first.'), 'stop')
  }

  /** Forgets the model and ends the worker, which alone gives its memory back. The next load starts a new one. */
  async unload(deadline: number): Promise<void> {
    const session = this.#session
    this.#model = undefined
    if (session === undefined) return
    const id = this.#newId()
    try {
      await watch('the model to unload', deadline, undefined, () => session.call(id, (worker) => worker.unload(id)))
    } catch {
      // Whether it let go of its resources or not, it is ended now, which frees them.
    }
    if (this.#session === session) this.restart()
  }

  /** Ends the worker for good. What is pending rejects with `worker-died`, as does every later call. */
  close(): void {
    this.#step({ type: 'close' })
    this.#session?.end(this.#closed(), 'stop')
  }

  #watched<T>(call: SupervisedCall<T>, after: Promise<void> | undefined): Promise<T> {
    return watch(call.name, call.deadline, call.signal, async (alive, stop) => {
      await after
      for (let replayed = false; ; replayed = true) {
        try {
          const session = await this.#start()
          throwIfAborted(stop)
          const id = this.#newId()
          return await session.call(id, (worker) => call.invoke(worker, id, alive), stop)
        } catch (error) {
          if (replayed || stop.aborted || !isDeath(error) || this.closed) throw error
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
    const model = this.#model
    if (model !== undefined) await this.#reload(session, model)
    this.#step({ type: 'ready' })
    return session
  }

  async #reload(session: WorkerSession, model: EngineOptions): Promise<void> {
    const id = this.#newId()
    try {
      await watch('the model to load again', this.#loadDeadline, undefined, (alive, stop) =>
        session.call(id, (worker) => worker.load(id, model, proxy(alive)), stop),
      )
    } catch (error) {
      if (isTransaxleError(error)) session.end(error, 'stop')
      throw error
    }
  }

  #onEnd(session: WorkerSession, by: EndedBy): void {
    if (this.#session === session) {
      this.#session = undefined
      this.#ready = undefined
    }
    this.#step(by === 'death' ? { type: 'died', at: this.#now() } : { type: 'stopped' })

    // Whoever took a call back usually makes another: have the model there by then.
    if (by === 'kill' && this.loaded) this.#start().catch(() => undefined)
  }

  #step(action: LifeAction): Life {
    const { maxDeaths = 4, deathWindow = 60_000 } = this.#options
    this.#life = nextLife(this.#life, action, { maxDeaths, deathWindow })
    return this.#life
  }

  #closed(): TransaxleError {
    return new WorkerError('worker-died', `The ${this.#options.kind} engine was closed.`, { details: { closed: true } })
  }

  get #loadDeadline(): number {
    return this.#options.loadDeadline ?? 120_000
  }

  #newId(): string {
    return this.#options.newId?.() ?? crypto.randomUUID()
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now()
  }
}

function isDeath(error: unknown): boolean {
  return isTransaxleError(error) && error.code === 'worker-died'
}
