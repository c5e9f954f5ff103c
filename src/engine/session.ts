import type { Remote } from 'comlink'
import { wrap } from 'comlink'

import type { EngineWorker, Wire, WireApi, WorkerKind } from '../contracts/wire.ts'
import { isTransaxleError, type TransaxleError } from '../errors/base.ts'
import { fromShape, toShape } from '../errors/shape.ts'
import { WorkerError } from '../errors/worker-error.ts'
import { withDeadline } from '../utils/deadline.ts'

const API: WireApi = 1

/** How a session came to its end: the worker died, or this side ended it. */
export type EndedBy = 'death' | 'kill' | 'stop'

export interface SessionOptions {
  readonly kind: WorkerKind
  readonly createWorker: () => Worker
  /** Name of the Web Lock that the worker holds for its life. Fresh for each session. */
  readonly lock: string
  readonly locks: LockManager | undefined
  /** Milliseconds for the worker's script to load and answer. */
  readonly helloDeadline: number
  /** Milliseconds a cancelled call may go on before its worker is taken for hung and ended. */
  readonly cancelGrace: number
  readonly onEnd: (by: EndedBy) => void
}

interface PendingCall {
  cancelled: boolean
  reject: (reason: TransaxleError) => void
}

/**
 * One life of one worker. Every call on it settles: with the worker's answer, or with the reason why the worker ended.
 */
export class WorkerSession {
  readonly #options: SessionOptions
  readonly #worker: Worker
  readonly #remote: Remote<EngineWorker>
  /** In the order they were made, which is the order the worker runs them in. */
  readonly #pending = new Set<PendingCall>()
  readonly #ended = new AbortController()
  #reason: TransaxleError | undefined
  #grace: ReturnType<typeof setTimeout> | undefined

  /** Throws `worker-failed` if the worker cannot be made. */
  constructor(options: SessionOptions) {
    this.#options = options
    try {
      this.#worker = options.createWorker()
    } catch (cause) {
      throw new WorkerError('worker-failed', `The ${options.kind} worker could not be created: ${toShape(cause).message}`, {
        cause,
      })
    }
    this.#worker.addEventListener('error', (event) => {
      event.preventDefault()
      this.#die(event.message || 'its script failed to load or run')
    })
    this.#worker.addEventListener('messageerror', () => this.#die('a message from it could not be read'))
    this.#remote = wrap<EngineWorker>(this.#worker)
  }

  /** Why the session ended, if it has. */
  get reason(): TransaxleError | undefined {
    return this.#reason
  }

  /**
   * The first call. From its answer on, the worker's lock is watched: to get it means that the worker is gone.
   * A rejection has ended the session.
   */
  async hello(): Promise<void> {
    const { kind, lock, locks, helloDeadline } = this.#options
    try {
      await withDeadline(
        this.call(`hello:${lock}`, (worker) => worker.hello({ api: API, kind, lock })),
        `the ${kind} worker to start`,
        helloDeadline,
      )
    } catch (error) {
      const reason = isTransaxleError(error) ? error : fromShape(toShape(error, 'worker-failed'))
      this.end(reason, 'stop')
      throw reason
    }
    locks
      ?.request(lock, { signal: this.#ended.signal }, () => this.#die('it was ended or ran out of memory'))
      .catch(() => undefined)
  }

  /** One call. `signal` asks the worker to stop it; a worker that does not within the grace time is ended. */
  async call<T>(id: string, invoke: (worker: Remote<EngineWorker>) => Promise<Wire<T>>, signal?: AbortSignal): Promise<T> {
    if (this.#reason !== undefined) throw this.#reason
    const call: PendingCall = { cancelled: false, reject: () => undefined }
    const ended = new Promise<never>((_resolve, reject) => {
      call.reject = reject
    })
    const onAbort = (): void => {
      call.cancelled = true
      this.#remote.cancel(id).catch(() => undefined)
      this.#watchFirst()
    }
    this.#pending.add(call)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([this.#answer(invoke), ended])
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#settled(call)
    }
  }

  /** Ends the worker. Every pending call rejects with `reason`. Later calls of this do nothing. */
  end(reason: TransaxleError, by: EndedBy): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#ended.abort()
    this.#worker.terminate()
    clearTimeout(this.#grace)
    for (const call of this.#pending) call.reject(reason)
    this.#options.onEnd(by)
  }

  #settled(call: PendingCall): void {
    const [first] = this.#pending
    this.#pending.delete(call)
    if (call !== first || this.#reason !== undefined) return
    clearTimeout(this.#grace)
    this.#grace = undefined
    this.#watchFirst()
  }

  /** A cancelled call that waits behind others cannot be what holds the worker up: its grace time begins when it is first. */
  #watchFirst(): void {
    const [first] = this.#pending
    if (first?.cancelled !== true || this.#grace !== undefined) return
    this.#grace = setTimeout(() => {
      this.end(died(this.#options.kind, 'it did not stop a call that was taken back, and was ended'), 'kill')
    }, this.#options.cancelGrace)
  }

  #die(how: string): void {
    this.end(died(this.#options.kind, how), 'death')
  }

  async #answer<T>(invoke: (worker: Remote<EngineWorker>) => Promise<Wire<T>>): Promise<T> {
    let wire: Wire<T>
    try {
      wire = await invoke(this.#remote)
    } catch (cause) {
      throw new WorkerError(
        'worker-failed',
        `The ${this.#options.kind} worker could not take the call: ${toShape(cause).message}`,
        {
          cause,
        },
      )
    }
    if (wire.ok) return wire.value
    throw fromShape(wire.error)
  }
}

function died(kind: WorkerKind, how: string): WorkerError {
  return new WorkerError('worker-died', `The ${kind} worker died: ${how}.`, { retryable: true, details: { kind } })
}
