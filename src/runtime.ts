import { createExactCache } from './cache/exact-cache.ts'
import { exactKey } from './cache/exact-key.ts'
import { calibrationKey } from './confidence/calibration-key.ts'
import { createScorer, type Scorer } from './confidence/scorer.ts'
import type { Threads } from './context/threads.ts'
import type { LoadReport } from './contracts/models.ts'
import type { LedgerEntry } from './contracts/records.ts'
import type { Outcome, StreamPart } from './contracts/outcome.ts'
import type { AssessOptions, Assessment, RuntimeEvents, RuntimeOptions } from './contracts/runtime.ts'
import type { Threshold } from './contracts/score.ts'
import type { Order, RequestFacts, RunOptions, RungName, Stages } from './contracts/stages.ts'
import type { Store } from './contracts/store.ts'
import type { RungKind, Task } from './contracts/task.ts'
import { createRungRunner } from './engine/rung-runner.ts'
import { toShape } from './errors/shape.ts'
import { UsageError } from './errors/usage-error.ts'
import type { Ledger } from './ledger/ledger.ts'
import type { Courier } from './outbox/courier.ts'
import type { Outbox } from './outbox/outbox.ts'
import { settle } from './pipeline.ts'
import { createConnectivity } from './policy/connectivity.ts'
import { createGates } from './policy/gates.ts'
import { checkOptions, pageWorld } from './policy/options.ts'
import { Emitter } from './utils/emitter.ts'
import { once } from './utils/once.ts'
import { AsyncQueue } from './utils/queue.ts'

/** Earlier turns that a request on a thread may read. */
const HISTORY = 50
const KINDS = ['encoder', 'generator'] as const
const FREE = { input: 0, output: 0, currency: 'USD' }

/** Runs tasks on the device and, where the score says so, at the frontier. Made by `createRuntime`. */
export interface Runtime {
  /**
   * One request, to its outcome. Whatever an engine, a network, a disk or a model does wrong is an outcome.
   * Rejects with UsageError for a programmer's mistake and with AbortError when `options.signal` fires.
   */
  run<I, O>(task: Task<I, O>, input: unknown, options?: RunOptions): Promise<Outcome<O>>
  /** The same, with the answer's text as soon as it may be shown. Leaving the loop aborts the request. */
  stream<I, O>(task: Task<I, O>, input: unknown, options?: RunOptions): AsyncIterable<StreamPart<O>>
  /** What each device rung makes of an input, with its score, whatever the threshold: nothing is sent, cached or logged. */
  assess<I, O>(task: Task<I, O>, input: unknown, options?: AssessOptions): Promise<readonly Assessment[]>
  /** Loads models now instead of at the first request. Default: all that are configured. Rejects with the load's typed error. */
  load(kinds?: readonly RungKind[]): Promise<readonly LoadReport[]>
  /** A request goes on only if its score is above this. Setting it throws UsageError('invalid-option') for what is no threshold. */
  threshold: Threshold
  /** The app's own switch: while `true`, nothing is sent. */
  offline: boolean
  /** Whether the gateway answers now. */
  online(): Promise<boolean>
  /**
   * Says whether the device's answer was good enough: a label for the calibrators. False, and nothing kept, where the outcome was not
   * settled on the device: what is said of another's answer says nothing of the device's.
   */
  label(outcome: Pick<Outcome<unknown>, 'id' | 'settled'>, good: boolean): Promise<boolean>
  readonly calibrators: Pick<Scorer, 'fit' | 'exportCalibrators' | 'importCalibrators'>
  readonly threads: Threads
  /** Escalations that wait for the network, and answers that came since. */
  readonly outbox: Pick<Outbox, 'list' | 'drain' | 'cancel' | 'take'>
  readonly ledger: Pick<Ledger, 'list' | 'totals' | 'toCsv' | 'toJson'>
  readonly storage: Store['kind']
  on<N extends keyof RuntimeEvents>(name: N, listener: (event: RuntimeEvents[N]) => void): () => void
  /** Tells the runtime of a task whose escalations an earlier page may have left in the outbox. */
  register<I, O>(task: Task<I, O>): Promise<void>
  /** Deletes everything the runtime has stored, but the models' files. */
  deleteAll(): Promise<void>
  /** Aborts what runs, ends the workers, closes the store. */
  close(): Promise<void>
}

/**
 * A runtime over the given models, gateway and threshold. Opens its storage; models are loaded when they are first needed.
 * Throws UsageError('invalid-option') for options that cannot be meant.
 */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  checkOptions(options)
  const { now, newId, random, fetch, onLine, locks } = { ...pageWorld(), ...options.world }
  const { gateway } = options
  const price = gateway?.price ?? FREE
  const events = new Emitter<RuntimeEvents>()
  const closing = new AbortController()

  // State
  // Told once somebody can listen.
  const onFallback = (error: unknown): void => queueMicrotask(() => events.emit('store-fallback', toShape(error)))
  const store = typeof options.store === 'object' ? options.store : await openOwnStore(options.store, onFallback)
  const cache = createExactCache({ store, now })
  const loadThreads = once(async () => (await import('./context/threads.ts')).createThreads({ store, now, newId }))
  const loadLedger = once(async () => (await import('./ledger/ledger.ts')).createLedger({ store }))
  const appendLedger = async (entry: LedgerEntry): Promise<void> => (await loadLedger()).append(entry)
  const scorer = createScorer({ store, threshold: options.threshold, now })

  // Engines: fetched and made with the first request that needs one.
  const reports = new Map<RungKind, LoadReport>()
  const loadEngines = once(async () => {
    const { createEngines } = await import('./engine/engines.ts')
    const engines = createEngines(options, {
      onProgress: (kind, progress) => events.emit('progress', { ...progress, kind }),
      onLoaded(kind, report) {
        reports.set(kind, report)
        events.emit('loaded', { ...report, kind })
        const id = `${report.model}@${report.revision}:${report.dtype}:${report.backend}`
        // A record for people to look at: no load fails for want of it.
        store.write(['loads'], (tx) => tx.put('loads', { ...report, id, at: now() })).catch(() => {})
      },
    })
    closing.signal.addEventListener('abort', () => engines.close(), { once: true })
    return engines
  })
  const modelSet = KINDS.map((kind) => JSON.stringify(options.models[kind] ?? null))

  // The way out: its code is fetched at once, so that a request can be queued after the network has gone.
  const loadGateway = once(async () => {
    if (gateway === undefined) throw new UsageError('invalid-option', 'No gateway is configured: set the option gateway.')
    const { GatewayClient } = await import('./gateway/client.ts')
    return new GatewayClient({ ...gateway, fetch, now })
  })
  const loadRedact = once(async () => (await import('./policy/redact.ts')).redact)
  const connectivity = createConnectivity({
    probe: async (signal) => (await loadGateway()).probe(signal),
    onLine,
    now,
    onChange: (online) => events.emit('online', online),
  })

  const keyOf = (request: Pick<RequestFacts, 'task'>, rung: RungName): string | undefined => {
    const report = reports.get(rung.kind)
    return report === undefined ? undefined : calibrationKey(request.task, rung.id, report)
  }

  const loadWriter = once(async () => {
    const { createSettlementWriter } = await import('./ledger/settlement-writer.ts')
    return createSettlementWriter({
      putCache: (entry) => cache.put(entry),
      appendThread: async (threadId, messages) => (await loadThreads()).append(threadId, messages),
      appendLedger,
      putOutcomes: (records) =>
        store.write(['outcomes'], async (tx) => void (await Promise.all(records.map((record) => tx.put('outcomes', record))))),
      calibrationKey: keyOf,
      now,
      newId,
    })
  })

  const stages: Stages = {
    async prepare<I, O>(order: Order<I, O>) {
      const { id, task, options: asked, signal } = order
      if (gateway !== undefined) void register(task)
      const checked = await task.input['~standard'].validate(order.input)
      if (checked.issues !== undefined) return { ok: false, problem: checked.issues.map((issue) => issue.message).join('; ') }
      const history = asked.thread === undefined ? [] : await (await loadThreads()).messages(asked.thread, { limit: HISTORY })
      const context = history.map(({ role, content }) => ({ role, content }))
      const key = await exactKey({
        task: task.name,
        version: task.version,
        hash: task.hash,
        modelSet,
        input: checked.value,
        context,
      })
      return { ok: true, request: { id, task, input: checked.value, history: context, key, options: asked, signal } }
    },
    cache,
    gates: createGates({
      online: () => connectivity.online(),
      spentToday: async () => (await (await loadLedger()).totals({ since: startOfDay(now()) })).money,
      budgetPerDay: gateway?.budgetPerDay,
      frontierConfigured: gateway !== undefined,
      deviceCapable: () => (typeof WebAssembly === 'undefined' ? 'This browser has no WebAssembly.' : undefined),
    }),
    rungs: createRungRunner({ configured: (kind) => options.models[kind] !== undefined, engines: loadEngines }),
    async score(request, rung, signals) {
      const key = keyOf(request, rung)
      return key === undefined ? { known: false, signals, why: 'no model is loaded.' } : scorer.score(key, signals)
    },
    redact: async (messages) => (await loadRedact())(messages),
    async *frontier(request, signal, exchange) {
      const frontier = await loadGateway()
      for await (const part of frontier.complete(request, { signal }, exchange)) {
        if (part.type === 'error') connectivity.saw(part.error.code !== 'network' && part.error.code !== 'timeout')
        yield part
      }
    },
    async outbox({ task, input, history, options: asked }, request) {
      const { outbox, wake } = await loadCourier()
      await outbox.enqueue({ task: `${task.name}@${task.version}`, input, history, request, threadId: asked.thread })
      wake()
    },
    price: ({ prompt, completion }) => ({
      money: (prompt * price.input + completion * price.output) / 1e6,
      currency: price.currency,
    }),
    persist: async (settlement) => (await loadWriter())(settlement),
    now: () => performance.now(),
  }

  // What could not be sent then is sent when the gateway is back.
  const loadCourier = once(async () => {
    const { createCourier } = await import('./outbox/courier.ts')
    return createCourier({
      store,
      now,
      newId,
      random,
      locks,
      frontier: stages.frontier,
      online: async () => gateway !== undefined && connectivity.online(),
      redact: stages.redact,
      price: stages.price,
      lock: `transaxle-outbox ${typeof options.store === 'string' ? options.store : ''}`,
      makeRoom: () => cache.evict(0.5),
      appendLedger,
      onDelivered: (entry) => events.emit('delivered', entry),
      signal: closing.signal,
    })
  })

  /** A courier that cannot be fetched now is fetched at the next call. */
  async function withCourier(use: (courier: Courier) => void): Promise<void> {
    await loadCourier().then(use, () => {})
  }

  const wake = (): void => void withCourier((courier) => courier.wake())
  const register = <I, O>(task: Task<I, O>): Promise<void> => withCourier((courier) => courier.know(task))
  for (const load of [loadWriter, loadThreads]) load().catch(() => {})
  if (gateway !== undefined) {
    globalThis.addEventListener?.('online', wake)
    loadRedact().catch(() => {})
    loadLedger().catch(() => {})
    wake()
  }

  function order<I, O>(task: Task<I, O>, input: unknown, asked: RunOptions, stop: AbortSignal): Order<I, O> {
    const signals = [closing.signal, stop, ...(asked.signal === undefined ? [] : [asked.signal])]
    return { id: newId(), task, input, options: asked, signal: AbortSignal.any(signals) }
  }

  return {
    run: (task, input, asked = {}) => settle(order(task, input, asked, closing.signal), stages, () => {}),

    async *stream<I, O>(task: Task<I, O>, input: unknown, asked: RunOptions = {}): AsyncGenerator<StreamPart<O>> {
      const left = new AbortController()
      const parts = new AsyncQueue<StreamPart<O>>()
      const outcome = settle(order(task, input, asked, left.signal), stages, (part) => parts.push(part)).finally(() =>
        parts.close(),
      )
      outcome.catch(() => {})
      try {
        yield* parts
        yield lastPart(await outcome)
      } finally {
        left.abort()
      }
    },

    async assess<I, O>(task: Task<I, O>, input: unknown, { rungs, signal }: AssessOptions = {}) {
      const prepared = await stages.prepare(order(task, input, { signal }, closing.signal))
      if (!prepared.ok) throw new UsageError('invalid-input', `The input does not fit the task ${task.name}: ${prepared.problem}`)
      const { assess } = await import('./utils/assess.ts')
      return assess(prepared.request, stages, rungs)
    },

    async load(kinds = KINDS.filter((kind) => options.models[kind] !== undefined)) {
      const engines = await loadEngines()
      return Promise.all(
        kinds.map((kind) => {
          const slot = engines[kind]
          if (slot === undefined) throw new UsageError('invalid-option', `No ${kind} model is configured: set models.${kind}.`)
          return slot.load()
        }),
      )
    },

    get threshold() {
      return scorer.threshold
    },
    set threshold(next) {
      scorer.threshold = next
    },
    get offline() {
      return connectivity.offline
    },
    set offline(offline) {
      connectivity.offline = offline
      if (!offline) wake()
    },
    online: () => connectivity.online(),
    label: async ({ id, settled }, good) => settled === 'device' && (await scorer.label(id, good)),
    calibrators: scorer,
    threads: {
      create: async (options) => (await loadThreads()).create(options),
      get: async (id) => (await loadThreads()).get(id),
      list: async (page) => (await loadThreads()).list(page),
      rename: async (id, title) => (await loadThreads()).rename(id, title),
      delete: async (id) => (await loadThreads()).delete(id),
      append: async (id, messages) => (await loadThreads()).append(id, messages),
      messages: async (id, page) => (await loadThreads()).messages(id, page),
    },
    outbox: {
      list: async () => (await loadCourier()).outbox.list(),
      drain: async (signal) => (await loadCourier()).outbox.drain(signal),
      cancel: async (id) => (await loadCourier()).outbox.cancel(id),
      take: async (id) => (await loadCourier()).outbox.take(id),
    },
    ledger: {
      list: async (range) => (await loadLedger()).list(range),
      totals: async (range) => (await loadLedger()).totals(range),
      toCsv: async (range) => (await loadLedger()).toCsv(range),
      toJson: async (range) => (await loadLedger()).toJson(range),
    },
    storage: store.kind,
    on: (name, listener) => events.on(name, listener),
    async register(task) {
      await register(task)
      wake()
    },
    async deleteAll() {
      await cache.clear()
      await store.clear()
      scorer.forget()
    },

    async close() {
      closing.abort()
      globalThis.removeEventListener?.('online', wake)
      events.clear()
      await store.close()
    },
  }
}

async function openOwnStore(name = 'transaxle', onFallback: (error: unknown) => void): Promise<Store> {
  const { openStore } = await import('./store/open-store.ts')
  return openStore({ name, onFallback })
}

/** The end of a stream: an error part only where text was shown that turned out not to be an answer. */
function lastPart<O>(outcome: Outcome<O>): StreamPart<O> {
  const source = outcome.source ?? { where: 'device' }
  const { error } = outcome.reason
  if (outcome.settled === 'refused' && error !== undefined) return { type: 'error', source, outcome, error }
  return { type: 'finish', source, outcome }
}

function startOfDay(now: number): number {
  return now - (now % 86_400_000)
}
