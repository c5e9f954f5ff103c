import type { CallOptions } from './engine.ts'
import type { ErrorShape } from './error-shape.ts'
import type { Backend, LoadProgress, LoadReport, ModelSource, ModelSpec } from './models.ts'
import type { Usage } from './part.ts'
import type { OutboxEntry } from './records.ts'
import type { Score, Threshold } from './score.ts'
import type { Signals } from './signals.ts'
import type { Store } from './store.ts'
import type { RungKind } from './task.ts'

export interface ModelOptions {
  /** A sentence encoder, for rungs of kind `encoder`. `org/name` or a spec. */
  readonly encoder?: string | ModelSpec | undefined
  /** A language model, for rungs of kind `generator`. */
  readonly generator?: string | ModelSpec | undefined
  /** Where models are fetched from, tried in order. Default: `/models` of the page's own host. */
  readonly sources?: readonly ModelSource[] | undefined
}

export interface GatewayOptions {
  /** The gateway's `/v1`, absolute or relative to the page. */
  readonly url: string
  /** Headers for each request, a short-lived token for one. */
  readonly headers?: (() => Promise<Readonly<Record<string, string>>>) | undefined
  /** What the frontier model costs, per million tokens. Without it every cost is 0. */
  readonly price?: { readonly input: number; readonly output: number; readonly currency: string } | undefined
  /** Money that may be spent in a day of UTC; then the gate is shut until the next. */
  readonly budgetPerDay?: number | undefined
  /** Milliseconds to the first part (default 30,000) and between parts (default 15,000). */
  readonly firstTokenTimeout?: number | undefined
  readonly idleTimeout?: number | undefined
}

export interface RuntimeOptions {
  /** Makes a worker: `() => new Worker(new URL('transaxle/worker', import.meta.url), { type: 'module' })`. */
  readonly worker: () => Worker
  readonly models: ModelOptions
  /** Absent: nothing ever leaves the device. */
  readonly gateway?: GatewayOptions | undefined
  /** A request goes to the frontier only if its score is above this. */
  readonly threshold: Threshold
  /** Default `auto`: WebGPU from a real adapter that passes the self-check, else WASM. */
  readonly backend?: Backend | 'auto' | undefined
  readonly threads?: number | undefined
  /** Name of the IndexedDB database, or a store of the app's own. Default `transaxle`. */
  readonly store?: string | Store | undefined
  /** What the runtime takes from the world; tests hand in their own. */
  readonly world?: Partial<World> | undefined
}

export interface World {
  readonly now: () => number
  readonly newId: () => string
  readonly random: () => number
  readonly fetch: typeof fetch
  readonly onLine: () => boolean
  readonly locks: LockManager | undefined
}

/** What one device rung makes of an input, whatever the threshold. */
export interface Assessment {
  readonly rung: string
  readonly kind: RungKind
  /** The answer, if it passed the task's checks. */
  readonly value?: unknown
  /** What was wrong with it, if not. */
  readonly problem?: string | undefined
  readonly score: Score
  readonly signals: Signals
  readonly usage: Usage
  readonly milliseconds: number
}

export interface AssessOptions extends CallOptions {
  /** Only these rungs. Default: all of the task's that have a model. */
  readonly rungs?: readonly string[] | undefined
}

/** Names and payloads of what `runtime.on` tells. */
export interface RuntimeEvents {
  /** A model is being loaded. */
  progress: LoadProgress & { readonly kind: RungKind }
  /** A model is ready. */
  loaded: LoadReport & { readonly kind: RungKind }
  /** Storage is memory only: nothing will outlive the page. */
  'store-fallback': ErrorShape
  /** The gateway was found reachable, or not. */
  online: boolean
  /** An escalation from the outbox has its answer, or was set aside with its error. */
  delivered: OutboxEntry
}
