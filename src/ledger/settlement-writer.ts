import type { ChatMessage } from '../contracts/engine.ts'
import type { ErrorShape } from '../contracts/error-shape.ts'
import type { Source } from '../contracts/part.ts'
import type { CacheEntry, LedgerEntry, OutcomeRecord } from '../contracts/records.ts'
import type { RungName, Settlement } from '../contracts/stages.ts'
import { toShape } from '../errors/shape.ts'

export interface SettlementWriterOptions {
  readonly putCache: (entry: CacheEntry) => Promise<void>
  readonly appendThread: (
    threadId: string,
    messages: readonly (ChatMessage & { readonly source?: Source | undefined })[],
  ) => Promise<unknown>
  readonly appendLedger: (entry: LedgerEntry) => Promise<void>
  readonly putOutcomes: (records: readonly OutcomeRecord[]) => Promise<void>
  /** Undefined where the rung's model is not known any more. */
  readonly calibrationKey: (request: Settlement['request'], rung: RungName) => string | undefined
  readonly now: () => number
  readonly newId: () => string
}

/** Writes what a settled request leaves behind: the pipeline's `persist` stage. Each write stands alone; what fails is returned. */
export function createSettlementWriter(
  options: SettlementWriterOptions,
): (settlement: Settlement) => Promise<readonly ErrorShape[]> {
  return async (settlement) => {
    const writes = [
      writeLedger(settlement, options),
      writeThread(settlement, options),
      writeCache(settlement, options),
      writeOutcomes(settlement, options),
    ]
    const results = await Promise.allSettled(writes)
    return results.flatMap((result) => (result.status === 'rejected' ? [toShape(result.reason, 'store-failed')] : []))
  }
}

async function writeLedger(
  { request, sent, reason, cost }: Settlement,
  { appendLedger, now, newId }: SettlementWriterOptions,
): Promise<void> {
  if (sent === undefined) return
  await appendLedger({
    id: newId(),
    request: request.id,
    at: now(),
    task: `${request.task.name}@${request.task.version}`,
    settled: sent.ok ? 'frontier' : 'failed',
    reason: reason.code,
    redacted: sent.redacted,
    model: sent.model,
    ...sent.exchange,
    promptTokens: sent.tokens.prompt,
    completionTokens: sent.tokens.completion,
    money: cost.spent,
  })
}

async function writeThread({ request, turn, source }: Settlement, { appendThread }: SettlementWriterOptions): Promise<void> {
  const { thread } = request.options
  if (thread === undefined || turn.length === 0) return
  await appendThread(
    thread,
    turn.map((message) => (message.role === 'assistant' ? { ...message, source } : message)),
  )
}

/** Only answers that were good enough are kept: a stopgap must not stand in the way of a better answer later. */
async function writeCache(settlement: Settlement, { putCache, now }: SettlementWriterOptions): Promise<void> {
  const { request, settled, reason, value, source } = settlement
  const good = settled === 'frontier' || (settled === 'device' && !reason.code.startsWith('kept-'))
  if (!good || source === undefined || !request.task.cacheable || request.options.cache === false) return
  const at = now()
  const bytes = JSON.stringify(value).length * 2
  await putCache({
    id: request.key,
    task: `${request.task.name}@${request.task.version}`,
    value,
    source,
    bytes,
    createdAt: at,
    usedAt: at,
  })
}

/** The last rung that was judged is the one a label speaks of, so it has the request's own id. */
async function writeOutcomes(
  { request, judged }: Settlement,
  { putOutcomes, calibrationKey, now }: SettlementWriterOptions,
): Promise<void> {
  const records = judged.flatMap(({ rung, signals }, index): OutcomeRecord[] => {
    const calibration = calibrationKey(request, rung)
    const id = index === judged.length - 1 ? request.id : `${request.id}/${rung.id}`
    return calibration === undefined ? [] : [{ id, calibration, signals, createdAt: now() }]
  })
  if (records.length > 0) await putOutcomes(records)
}
