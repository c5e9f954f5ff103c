import type { ChatMessage, Role } from './engine.ts'
import type { ErrorShape } from './error-shape.ts'
import type { FrontierRequest } from './frontier.ts'
import type { Settled } from './outcome.ts'
import type { Source } from './part.ts'
import type { CalibratorData } from './score.ts'
import type { Signals } from './signals.ts'

/** Times are milliseconds since the epoch. */
export interface ThreadRecord {
  readonly id: string
  readonly title: string
  readonly createdAt: number
  readonly updatedAt: number
}

export interface MessageRecord {
  readonly id: string
  readonly threadId: string
  /** Counts up from 0 within the thread; the index `thread` orders by [threadId, sequence]. */
  readonly sequence: number
  readonly role: Role
  readonly content: string
  readonly source?: Source | undefined
  readonly createdAt: number
}

export interface CacheEntry {
  /** The exact key: SHA-256 over task, version, model set, input and context. */
  readonly id: string
  readonly task: string
  readonly value: unknown
  readonly source: Source
  readonly bytes: number
  readonly createdAt: number
  /** The index `usedAt` gives the least recently used. */
  readonly usedAt: number
}

/** A judged answer: the calibrators and thresholds are fitted on those that have a label. */
export interface OutcomeRecord {
  readonly id: string
  /** Index `calibration`: task key, rung and model key joined, see `calibrationKey`. */
  readonly calibration: string
  readonly signals: Signals
  /** The label: was the device's answer good enough? Absent until somebody says. */
  readonly good?: boolean | undefined
  readonly createdAt: number
}

export interface StoredCalibrator {
  /** The calibration key. */
  readonly id: string
  readonly data: CalibratorData
}

export type OutboxState = 'waiting' | 'sending' | 'answered' | 'failed'

export interface OutboxEntry {
  /** Also the idempotency key. */
  readonly id: string
  readonly state: OutboxState
  readonly task: string
  readonly input: unknown
  /** Earlier turns the request was made with; with the input, all that is needed to restore what was redacted. */
  readonly history?: readonly ChatMessage[] | undefined
  readonly request: FrontierRequest
  readonly threadId?: string | undefined
  readonly tries: number
  readonly createdAt: number
  /** Not before this time. */
  readonly dueAt: number
  readonly error?: ErrorShape | undefined
  readonly value?: unknown
}

/** One exchange with the frontier: what left the device, why, and what it cost. Append-only. */
export interface LedgerEntry {
  readonly id: string
  /** The request it was made for; one request may take several exchanges. */
  readonly request: string
  readonly at: number
  readonly task: string
  readonly settled: Settled | 'failed'
  readonly reason: string
  /** Kinds of personal data that were replaced before sending, with how many of each. */
  readonly redacted: Readonly<Record<string, number>>
  readonly model?: string | undefined
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly promptTokens: number
  readonly completionTokens: number
  /** In the currency of the price list; 0 where no price is set. */
  readonly money: number
}
