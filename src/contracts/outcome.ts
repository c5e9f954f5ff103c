import type { ErrorShape } from './error-shape.ts'
import type { Part, Source } from './part.ts'
import type { Score } from './score.ts'

/** How a request ends. */
export type Settled = 'device' | 'frontier' | 'cache' | 'fallback' | 'queued' | 'refused'

/** Why the way to the frontier was closed, or ended without a good answer. */
export type NoFrontier =
  | 'must-stay-on-device'
  | 'no-frontier'
  | 'offline'
  | 'budget-spent'
  | 'frontier-unreachable'
  | 'frontier-failed'

/** `kept`: a valid device answer above the threshold, because nothing better could be had and the task allows it. */
export type ReasonCode =
  | 'cache-exact'
  | 'score-within-threshold'
  | 'score-unknown-kept'
  | 'must-go-out'
  | 'score-above-threshold'
  | 'score-unknown-escalated'
  | 'device-answer-invalid'
  | 'device-failed'
  | 'device-not-capable'
  | 'refused-invalid-input'
  | 'refused-thread-unreadable'
  | `${'kept' | 'queued' | 'fallback' | 'refused'}-${NoFrontier}`

/** Why a request settled as it did: a code for programs, a plain sentence for people. */
export interface Reason {
  readonly code: ReasonCode
  readonly text: string
  readonly error?: ErrorShape | undefined
}

export type StageName = 'task' | 'cache' | 'gates' | 'rung' | 'checks' | 'score' | 'redact' | 'frontier' | 'outbox' | 'fallback'

/** What one stage did. No text of the request or the answer in it. */
export interface TraceStep {
  readonly stage: StageName
  readonly milliseconds: number
  readonly note: string
  readonly error?: ErrorShape | undefined
}

/** What the request cost, and what it would have cost at the frontier had it not stayed. */
export interface Cost {
  readonly deviceTokens: number
  readonly frontierTokens: number
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly currency: string
  readonly spent: number
  /** An estimate: the task's frontier prompt at four characters a token, priced. 0 unless settled without the frontier. */
  readonly saved: number
}

interface Settlement {
  /** Also the idempotency key of its escalation, and the id its label is given under. */
  readonly id: string
  readonly task: string
  readonly reason: Reason
  readonly score: Score | 'unknown'
  readonly source?: Source | undefined
  readonly trace: readonly TraceStep[]
  readonly cost: Cost
  /** Resolves when thread, cache, ledger and log are written; never rejects. What could not be written is in the array. */
  readonly done: Promise<readonly ErrorShape[]>
}

export type Outcome<T> = Settlement &
  (
    | { readonly settled: 'device' | 'frontier' | 'cache' | 'fallback'; readonly value: T }
    | { readonly settled: 'queued' | 'refused'; readonly value?: undefined }
  )

/** A stream of a request: the parts of the one answer that is shown, then its outcome in the `finish` part. */
export type StreamPart<T> =
  | Exclude<Part, { type: 'finish' | 'error' }>
  | { readonly type: 'finish'; readonly source: Source; readonly outcome: Outcome<T> }
  | { readonly type: 'error'; readonly source: Source; readonly outcome: Outcome<T>; readonly error: ErrorShape }
