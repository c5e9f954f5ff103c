import type { StandardSchemaV1 } from '@standard-schema/spec'

import type { ChatMessage, EmbeddingEngine, GenerationEngine } from './engine.ts'
import type { Usage } from './part.ts'
import type { Signals } from './signals.ts'

/** What a rung runs on. The runtime says which of the two is there. */
export type RungKind = 'encoder' | 'generator'

/** What a task's rung may use while it makes one answer. */
export interface RungContext {
  readonly encoder: EmbeddingEngine
  readonly generator: GenerationEngine
  readonly signal: AbortSignal
  /** Earlier turns, oldest first; empty without a thread. */
  readonly history: readonly ChatMessage[]
  /** Text as it is decoded, for rungs that stream. It is shown only once the gate lets it through. */
  readonly onText: (text: string) => void
  /** Work that is the same for every request of this task and model (a fitted head): made once, forgotten if it fails. */
  readonly remember: <T>(key: string, make: () => Promise<T>) => Promise<T>
}

/** An answer before anybody has judged it. */
export interface Draft {
  /** What the checks judge: the parsed value, or the reason why there is none. */
  readonly parsed: { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string }
  /** What the model wrote, where it wrote. */
  readonly text: string
  readonly signals: Signals
  readonly usage: Usage
}

/** One device rung of a task's ladder. */
export interface Rung<I> {
  /** Unique in the task: part of the calibration key. */
  readonly id: string
  readonly kind: RungKind
  /** One line for people: what it does. */
  readonly summary: string
  answer(input: I, context: RungContext): Promise<Draft>
  /** The one repair pass: the answer again, told what was wrong with it. Absent where a second try cannot differ. */
  repair?(input: I, draft: Draft, problem: string, context: RungContext): Promise<Draft>
}

/** A rule that judges a value: undefined if it holds, else a sentence that says what is wrong. */
export interface Check<I, O> {
  readonly name: string
  readonly judge: (value: O, input: I) => string | undefined | Promise<string | undefined>
}

/** What the frontier is asked, and how its text becomes a value. */
export interface FrontierForm<I> {
  readonly messages: (input: I, history: readonly ChatMessage[]) => readonly ChatMessage[]
  readonly maxTokens: number
  readonly schema?: Readonly<Record<string, unknown>> | undefined
  readonly parse: (text: string) => Draft['parsed']
}

/** When the score is `unknown`: send it on, or keep an answer that passed its checks. */
export type WhenUnknown = 'escalate' | 'keep'

/** When an answer should go out and cannot: the first of these that is possible; `refuse` always is. */
export type WhenUnreachable = 'queue' | 'keep' | 'fallback' | 'refuse'

/** A named, versioned contract between an app and whatever answers it. */
export interface Task<I, O> {
  readonly name: string
  /** Changes with the meaning of the answer. Part of every key. */
  readonly version: number
  /** Hash of prompt, labels, examples and schema: an edited prompt never meets an old cache entry or calibrator. */
  readonly hash: string
  readonly input: StandardSchemaV1<unknown, I>
  readonly output: StandardSchemaV1<unknown, O>
  readonly rungs: readonly Rung<I>[]
  readonly checks: readonly Check<I, O>[]
  readonly frontier: FrontierForm<I>
  readonly fallback?: ((input: I) => O | Promise<O>) | undefined
  readonly whenUnknown: WhenUnknown
  readonly whenUnreachable: readonly WhenUnreachable[]
  /** Whether an equal request may be answered from the cache. */
  readonly cacheable: boolean
  /** Whether its text may be shown while it is made: only where no check can still turn it down. */
  readonly streams: boolean
  /** What a thread remembers of one run: the user's turn and the answer's. */
  readonly turn: (input: I, value: O) => readonly ChatMessage[]
}
