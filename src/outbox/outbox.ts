import type { ErrorShape } from '../contracts/error-shape.ts'
import type { Exchange } from '../contracts/frontier.ts'
import type { Usage } from '../contracts/part.ts'
import type { OutboxEntry } from '../contracts/records.ts'
import type { Stages } from '../contracts/stages.ts'
import type { Store, Transaction } from '../contracts/store.ts'
import type { Draft } from '../contracts/task.ts'
import { isTransaxleError } from '../errors/base.ts'
import { toShape } from '../errors/shape.ts'
import { afterFault, neverArrived, type RetryRules } from './retry.ts'
import { send } from './send.ts'

export interface OutboxOptions extends RetryRules {
  readonly store: Store
  /** The way to the frontier model, as the pipeline has it. Its own timeouts end a send that stalls. */
  readonly frontier: Stages['frontier']
  /** The frontier's text as the task's value: restored, parsed, checked. */
  readonly finish: (entry: OutboxEntry, text: string) => Promise<Draft['parsed']>
  /** Whether this page can finish an entry; the others wait for one that can. Default: all. */
  readonly accepts?: ((entry: OutboxEntry) => boolean) | undefined
  /** With it, one tab at a time sends. Without, this outbox takes itself for the only one. */
  readonly locks?: Pick<LockManager, 'request'> | undefined
  /** The lock's name: one per database. Default `transaxle-outbox`. */
  readonly lock?: string | undefined
  /** Sends at a time. Default 2. */
  readonly parallel?: number | undefined
  /** Called when the disk is full, before a write is tried a second and last time: drop what can be made again. */
  readonly makeRoom?: (() => Promise<unknown>) | undefined
}

export type NewEntry = Pick<OutboxEntry, 'task' | 'input' | 'history' | 'request' | 'threadId'>

/** One try to send, for the ledger: a failed or cancelled one may have left the device as well. */
export interface Delivery {
  readonly entry: OutboxEntry
  readonly exchange: Exchange
  readonly usage?: Usage | undefined
  readonly model?: string | undefined
  readonly error?: ErrorShape | undefined
}

/** `tried`: each try, once it is over, before what becomes of it is written. `settled`: the entry is `answered` or `failed`, on disk. */
export type OutboxEvent = 'tried' | 'settled'

export interface Drained {
  readonly answered: number
  readonly failed: number
  /** When there is something to send again; undefined where nothing waits. */
  readonly nextDueAt: number | undefined
}

/** Escalations, kept until they are answered. Everything rejects with a StoreError where storage fails. */
export interface Outbox {
  /**
   * Resolves once the entry is on disk. Its id is the request's idempotency key; an entry that is there already stays as it is,
   * so that the same request queued twice is sent once.
   */
  enqueue(entry: NewEntry): Promise<OutboxEntry>
  /**
   * Sends what is due, oldest first, in order within a thread; ends when nothing is due or the gateway cannot be reached.
   * Called while it runs, it runs once more. An abort leaves what was being sent waiting.
   */
  drain(signal?: AbortSignal): Promise<Drained>
  /** Oldest first. */
  list(): Promise<readonly OutboxEntry[]>
  /** Forgets an entry in whatever state, and stops its sending if this page does it. */
  cancel(id: string): Promise<void>
  /** Takes an answered entry out: whoever gets it is the only one. */
  take(id: string): Promise<OutboxEntry | undefined>
  /** Returns how to stop listening. */
  on(event: OutboxEvent, listener: (delivery: Delivery) => void): () => void
}

/** The outbox in the store's collection `outbox`. No timers: its owner calls `drain` when online again, and at `nextDueAt`. */
export function createOutbox(options: OutboxOptions): Outbox {
  const { store, now, locks, lock = 'transaxle-outbox', parallel = 2, makeRoom, accepts = () => true } = options
  const listeners = { tried: new Set<(delivery: Delivery) => void>(), settled: new Set<(delivery: Delivery) => void>() }
  const sending = new Map<string, AbortController>()
  let running: Promise<Drained> | undefined
  let next: Promise<Drained> | undefined

  const write = async <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => {
    const once = (): Promise<T> => store.write(['outbox'], work, { durability: 'strict' })
    try {
      return await once()
    } catch (error) {
      if (makeRoom === undefined || !isTransaxleError(error) || error.code !== 'store-quota') throw error
      await makeRoom().catch(() => undefined)
      return once()
    }
  }

  /** Changes an entry if it still `fits`: it may have been cancelled, here or in another tab. */
  const change = (
    { id }: OutboxEntry,
    fits: (entry: OutboxEntry) => boolean,
    facts: Partial<OutboxEntry>,
  ): Promise<OutboxEntry | undefined> =>
    write(async (tx) => {
      const entry = await tx.get('outbox', id)
      if (entry === undefined || !fits(entry)) return undefined
      const changed = { ...entry, ...facts }
      await tx.put('outbox', changed)
      return changed
    })

  /** The oldest waiting entry of each lane. */
  const heads = async (): Promise<readonly OutboxEntry[]> => {
    const waiting = await store.read(['outbox'], (tx) => tx.list('outbox', 'state', { from: 'waiting', to: 'waiting' }))
    const first = new Map<string, OutboxEntry>()
    for (const entry of waiting.toSorted((a, b) => a.createdAt - b.createdAt)) {
      if (!first.has(laneOf(entry))) first.set(laneOf(entry), entry)
    }
    return [...first.values()].filter((head) => accepts(head))
  }

  const emit = (event: OutboxEvent, delivery: Delivery): void => {
    for (const listener of listeners[event]) {
      try {
        listener(delivery)
      } catch (error) {
        // The listener's own fault: for the page's error handler, not for the entry.
        reportError(error)
      }
    }
  }

  /** One try of one entry: how the entry is afterwards, or undefined where it was not this drain's to settle. */
  const deliver = async (due: OutboxEntry, outer: AbortSignal | undefined): Promise<OutboxEntry | undefined> => {
    // Read before another send ended, `due` may be out of date.
    const entry = await change(due, ({ state, dueAt }) => state === 'waiting' && dueAt <= now(), { state: 'sending' })
    if (entry === undefined) return undefined
    const stop = new AbortController()
    const onAbort = (): void => stop.abort()
    outer?.addEventListener('abort', onAbort, { once: true })
    if (outer?.aborted === true) stop.abort()
    sending.set(entry.id, stop)
    try {
      const { result, ...sent } = await send((signal, exchange) => options.frontier(entry.request, signal, exchange), stop.signal)
      const delivery: Delivery = { entry, ...sent, error: result.ok ? undefined : result.error }
      emit('tried', delivery)
      if (!result.ok && stop.signal.aborted) {
        await change(entry, isSending, { state: 'waiting' })
        return undefined
      }
      const changed = result.ok
        ? await accept(entry, result.text)
        : await change(entry, isSending, afterFault(result.error, entry, options))
      if (changed?.state === 'answered' || changed?.state === 'failed') {
        emit('settled', { ...delivery, entry: changed, error: changed.error })
      }
      return changed
    } finally {
      sending.delete(entry.id)
      outer?.removeEventListener('abort', onAbort)
    }
  }

  const accept = async (entry: OutboxEntry, text: string): Promise<OutboxEntry | undefined> => {
    const tries = entry.tries + 1
    const fail = (error: ErrorShape): Promise<OutboxEntry | undefined> =>
      change(entry, isSending, { state: 'failed', tries, error: { ...error, retryable: false } })
    let parsed: Draft['parsed']
    try {
      parsed = await options.finish(entry, text)
    } catch (error) {
      return fail(toShape(error, 'invalid-answer'))
    }
    if (!parsed.ok)
      return fail({ code: 'invalid-answer', message: `The frontier's answer was refused: ${parsed.problem}`, retryable: false })
    try {
      return await change(entry, isSending, { state: 'answered', tries, value: parsed.value, error: undefined })
    } catch (error) {
      // A value that cannot be stored would be asked for, and paid for, again and again.
      if (isTransaxleError(error) && error.code === 'store-failed' && !error.retryable) return fail(toShape(error))
      throw error
    }
  }

  const drainAll = async (signal: AbortSignal | undefined): Promise<Drained> => {
    const count = { answered: 0, failed: 0 }
    const busy = new Set<string>()
    let resumeAt = 0
    const work = async (): Promise<void> => {
      while (resumeAt === 0) {
        if (signal?.aborted === true) return
        const candidates = await heads()
        const entry = candidates.find((head) => head.dueAt <= now() && !busy.has(laneOf(head)))
        if (entry === undefined) return
        busy.add(laneOf(entry))
        try {
          const after = await deliver(entry, signal)
          if (after?.state === 'answered' || after?.state === 'failed') count[after.state] += 1
          else if (after?.error !== undefined && neverArrived(after.error)) resumeAt = after.dueAt
        } finally {
          busy.delete(laneOf(entry))
        }
      }
    }
    await recover()
    for (const end of await Promise.allSettled(Array.from({ length: parallel }, work))) {
      if (end.status === 'rejected') throw end.reason
    }
    const due = (await heads()).map((head) => head.dueAt)
    return { ...count, nextDueAt: due.length === 0 ? undefined : Math.max(resumeAt, Math.min(...due)) }
  }

  /** Whoever drains is the only one who sends: what is said to be under way was left by a page that is gone. */
  const recover = (): Promise<void> =>
    write(async (tx) => {
      const orphans = await tx.list('outbox', 'state', { from: 'sending', to: 'sending' })
      for (const entry of orphans) await tx.put('outbox', { ...entry, state: 'waiting' })
    })

  const drainLocked = (among: Pick<LockManager, 'request'>, signal: AbortSignal | undefined): Promise<Drained> =>
    among
      .request(lock, signal === undefined ? {} : { signal }, () => drainAll(signal))
      .catch((error: unknown) => {
        // Aborted while another tab was at it: nothing was done.
        if (signal?.aborted === true) return { answered: 0, failed: 0, nextDueAt: undefined }
        throw error
      })

  const drain = (signal?: AbortSignal): Promise<Drained> => {
    if (running !== undefined) {
      next ??= running
        .catch(() => undefined)
        .then(() => {
          next = undefined
          return drain(signal)
        })
      return next
    }
    running = (locks === undefined ? drainAll(signal) : drainLocked(locks, signal)).finally(() => {
      running = undefined
    })
    return running
  }

  return {
    drain,
    enqueue: ({ task, input, history, request, threadId }) =>
      write(async (tx) => {
        const id = request.idempotencyKey
        const known = await tx.get('outbox', id)
        if (known !== undefined) return known
        // Two of one millisecond, or on either side of a clock that was put back, keep their order.
        const [latest] = await tx.list('outbox', 'createdAt', { descending: true, limit: 1 })
        const createdAt = Math.max(now(), (latest?.createdAt ?? -1) + 1)
        const entry: OutboxEntry = {
          id,
          state: 'waiting',
          task,
          input,
          history,
          request,
          threadId,
          tries: 0,
          createdAt,
          dueAt: now(),
        }
        await tx.put('outbox', entry)
        return entry
      }),
    list: () => store.read(['outbox'], (tx) => tx.list('outbox', 'createdAt')),
    cancel: async (id) => {
      sending.get(id)?.abort()
      await write((tx) => tx.delete('outbox', id))
    },
    take: (id) =>
      write(async (tx) => {
        const entry = await tx.get('outbox', id)
        if (entry?.state !== 'answered') return undefined
        await tx.delete('outbox', id)
        return entry
      }),
    on: (event, listener) => {
      listeners[event].add(listener)
      return () => void listeners[event].delete(listener)
    },
  }
}

/** Entries of one lane go one after the other: a thread's in order, the rest each on its own. */
function laneOf({ threadId, id }: OutboxEntry): string {
  return threadId === undefined ? `entry ${id}` : `thread ${threadId}`
}

function isSending({ state }: OutboxEntry): boolean {
  return state === 'sending'
}
