import type { ChatMessage } from './engine.ts'
import type { ErrorShape } from './error-shape.ts'
import type { Exchange, FrontierRequest } from './frontier.ts'
import type { Cost, Reason, Settled } from './outcome.ts'
import type { Part, Source } from './part.ts'
import type { Score } from './score.ts'
import type { Signals } from './signals.ts'
import type { Draft, Rung, Task } from './task.ts'

/** `device`: never leaves. `frontier`: must go out. `auto`: the score decides. */
export type Privacy = 'device' | 'auto' | 'frontier'

export interface RunOptions {
  readonly thread?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly privacy?: Privacy | undefined
  /** `false`: neither read nor write the cache. */
  readonly cache?: boolean | undefined
}

/** One request as the caller gave it. */
export interface Order<I, O> {
  readonly id: string
  readonly task: Task<I, O>
  readonly input: unknown
  readonly options: RunOptions
  readonly signal: AbortSignal
}

/** One request on its way, as the stages see it: they need not know its types. */
export interface RequestFacts {
  readonly id: string
  readonly task: { readonly name: string; readonly version: number; readonly hash: string; readonly cacheable: boolean }
  readonly input: unknown
  /** Earlier turns of the thread, oldest first. */
  readonly history: readonly ChatMessage[]
  /** Exact cache key. */
  readonly key: string
  readonly options: RunOptions
  readonly signal: AbortSignal
}

/** One request on its way, after the task stage. */
export interface Request<I, O> extends RequestFacts {
  readonly task: Task<I, O>
  readonly input: I
}

export type RouteCode = 'must-stay-on-device' | 'must-go-out' | 'no-frontier' | 'offline' | 'budget-spent' | 'device-not-capable'

/** A way that is open, or closed for a reason: `why` is a sentence for people. */
export type Route = { readonly open: true } | { readonly open: false; readonly code: RouteCode; readonly why: string }

/** Hard rules, before any score: which ways out are open at all. */
export interface Gates {
  readonly device: Route
  readonly frontier: Route
}

/** A redacted request, and how to put the taken-out values back into the answer. */
export interface Redacted {
  readonly messages: readonly ChatMessage[]
  /** Kind -> how many values were replaced. */
  readonly counts: Readonly<Record<string, number>>
  readonly restore: (text: string) => string
}

/** A rung without its types: what calibration keys are made of. */
export type RungName = Pick<Rung<unknown>, 'id' | 'kind'>

export interface RungRun {
  readonly draft: Draft
  readonly source: Source
}

/** What is written after the answer is out. */
export interface Settlement {
  readonly request: RequestFacts
  readonly settled: Settled
  readonly reason: Reason
  readonly value?: unknown
  /** What the thread remembers of it; empty where there is no value. */
  readonly turn: readonly ChatMessage[]
  readonly source?: Source | undefined
  readonly cost: Cost
  /** The device answers that were judged, for the calibrators. */
  readonly judged: readonly { readonly rung: RungName; readonly signals: Signals }[]
  readonly sent?:
    | {
        readonly redacted: Redacted['counts']
        readonly exchange: Exchange
        readonly tokens: { readonly prompt: number; readonly completion: number }
        readonly model?: string | undefined
        readonly ok: boolean
      }
    | undefined
}

/** The stages of the pipeline, as they are handed to it. Each can be replaced by a fake; none calls another. */
export interface Stages {
  /** Validates the input, reads the thread, makes the key. `problem`: what is wrong with the input. */
  readonly prepare: <I, O>(
    order: Order<I, O>,
  ) => Promise<{ readonly ok: true; readonly request: Request<I, O> } | { readonly ok: false; readonly problem: string }>
  readonly cache: {
    lookup(key: string): Promise<{ readonly value: unknown; readonly source: Source; readonly createdAt: number } | undefined>
  }
  readonly gates: (request: RequestFacts) => Promise<Gates>
  readonly rungs: {
    /** Why this rung cannot run now, if so (no model for its kind, out of memory, …). */
    unable(rung: Rung<unknown>): string | undefined
    run<I>(request: RequestFacts, input: I, rung: Rung<I>, onText: (source: Source, text: string) => void): Promise<RungRun>
    repair<I>(request: RequestFacts, input: I, rung: Rung<I>, draft: Draft, problem: string): Promise<RungRun>
  }
  readonly score: (request: RequestFacts, rung: RungName, signals: Signals) => Promise<Score>
  readonly redact: (messages: readonly ChatMessage[]) => Promise<Redacted>
  readonly frontier: (request: FrontierRequest, signal: AbortSignal, exchange: Exchange) => AsyncIterable<Part>
  readonly outbox: (request: RequestFacts, escalation: FrontierRequest) => Promise<void>
  readonly price: (tokens: { readonly prompt: number; readonly completion: number }) => {
    readonly money: number
    readonly currency: string
  }
  /** Thread, cache, outcomes, ledger, log. What fails is returned, not thrown. */
  readonly persist: (settlement: Settlement) => Promise<readonly ErrorShape[]>
  readonly now: () => number
}
