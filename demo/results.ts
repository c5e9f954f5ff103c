import type { Outcome, Settled } from 'transaxle'
import * as v from 'valibot'

import { fieldsSchema, type Fields } from './inbox.ts'
import type { Reply, Triage } from './tasks.ts'

export type TaskName = 'triage' | 'extract' | 'draft'

export const TASK_NAMES: readonly TaskName[] = ['triage', 'extract', 'draft']

/** What a task makes. */
export interface Values {
  readonly triage: Triage
  readonly extract: Fields
  readonly draft: Reply
}

/** What the page keeps of an outcome, as plain data that survives a reload. */
export interface Result<T> {
  /** The request's id: its label is given under it, and the outbox and the ledger know it by this. */
  readonly id: string
  readonly settled: Settled
  readonly value?: T | undefined
  readonly model?: string | undefined
  readonly reason: string
  readonly reasonCode: string
  /** How sure the device was; undefined where it was not asked or cannot tell. */
  readonly score?: { readonly value: number; readonly threshold: number; readonly basis: string } | undefined
  readonly unknownBecause?: string | undefined
  readonly milliseconds: number
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly spent: number
  readonly saved: number
  readonly deviceTokens: number
  readonly trace: readonly { readonly stage: string; readonly milliseconds: number; readonly note: string }[]
  /** Personal data that was replaced before sending: kind -> how many. */
  readonly redacted?: Readonly<Record<string, number>> | undefined
  /** What the person said of it. */
  readonly good?: boolean | undefined
}

export interface MessageResults {
  readonly triage?: Result<Triage> | undefined
  readonly extract?: Result<Fields> | undefined
  readonly draft?: Result<Reply> | undefined
}

export function toResult<T>(outcome: Outcome<T>, milliseconds: number): Result<T> {
  const { id, settled, value, source, reason, score, cost, trace } = outcome
  return {
    id,
    settled,
    value,
    model: source?.model,
    reason: reason.text,
    reasonCode: reason.code,
    ...(score !== 'unknown' && score.known
      ? { score: { value: score.value, threshold: score.threshold.value, basis: score.threshold.basis } }
      : {}),
    ...(score !== 'unknown' && !score.known ? { unknownBecause: score.why } : {}),
    milliseconds,
    bytesSent: cost.bytesSent,
    bytesReceived: cost.bytesReceived,
    spent: cost.spent,
    saved: cost.saved,
    deviceTokens: cost.deviceTokens,
    trace: trace.map((step) => ({
      stage: step.stage,
      milliseconds: step.milliseconds,
      note: step.error === undefined ? step.note : `${step.note}: ${step.error.message}`,
    })),
  }
}

const triage: v.GenericSchema<unknown, Triage> = v.object({ label: v.string() })
const reply: v.GenericSchema<unknown, Reply> = v.object({ text: v.string() })

const resultOf = <T>(value: v.GenericSchema<unknown, T>): v.GenericSchema<unknown, Result<T>> =>
  v.object({
    id: v.string(),
    settled: v.picklist(['device', 'frontier', 'cache', 'fallback', 'queued', 'refused']),
    value: v.optional(value),
    model: v.optional(v.string()),
    reason: v.string(),
    reasonCode: v.string(),
    score: v.optional(v.object({ value: v.number(), threshold: v.number(), basis: v.string() })),
    unknownBecause: v.optional(v.string()),
    milliseconds: v.number(),
    bytesSent: v.number(),
    bytesReceived: v.number(),
    spent: v.number(),
    saved: v.number(),
    deviceTokens: v.number(),
    trace: v.array(v.object({ stage: v.string(), milliseconds: v.number(), note: v.string() })),
    redacted: v.optional(v.record(v.string(), v.number())),
    good: v.optional(v.boolean()),
  })

const resultsSchema: v.GenericSchema<unknown, MessageResults> = v.object({
  triage: v.optional(resultOf(triage)),
  extract: v.optional(resultOf(fieldsSchema)),
  draft: v.optional(resultOf(reply)),
})

/** Results as an earlier visit left them; undefined where they are of another form. */
export function readResults(json: unknown): MessageResults | undefined {
  const parsed = v.safeParse(resultsSchema, json)
  return parsed.success ? parsed.output : undefined
}

/** The value of an answer that came through the outbox. */
export const readValue: { readonly [N in TaskName]: (value: unknown) => Values[N] | undefined } = {
  triage: (value) => parsed(triage, value),
  extract: (value) => parsed(fieldsSchema, value),
  draft: (value) => parsed(reply, value),
}

function parsed<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T | undefined {
  const result = v.safeParse(schema, value)
  return result.success ? result.output : undefined
}
