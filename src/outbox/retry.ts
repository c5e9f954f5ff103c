import type { ErrorShape } from '../contracts/error-shape.ts'
import type { OutboxEntry } from '../contracts/records.ts'

export interface RetryRules {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Tries that got as far as the gateway. Default 8. */
  readonly maxTries?: number | undefined
  /** Milliseconds; doubles with each try. Default 1,000. */
  readonly baseDelay?: number | undefined
  /** Milliseconds. Default 5 minutes. */
  readonly maxDelay?: number | undefined
  /** The longest `details.retryAfter` (milliseconds) that is obeyed. Default 1 hour. */
  readonly maxRetryAfter?: number | undefined
  /** Milliseconds, at most, between looks for a network. Default 30,000. */
  readonly networkDelay?: number | undefined
}

/** Whether a try with this fault never got through to anybody, so that other entries would not either. */
export function neverArrived({ code, retryable }: ErrorShape): boolean {
  return code === 'network' && retryable
}

/**
 * What becomes of an entry after a fault: it waits, or it has failed for good. Without a network no try is counted: a day offline
 * must not cost an escalation. Delays are exponential with full jitter, `random * min(cap, base * 2^tries)` (Brooker 2015,
 * "Exponential Backoff And Jitter").
 */
export function afterFault(error: ErrorShape, { tries }: OutboxEntry, rules: RetryRules): Partial<OutboxEntry> {
  const {
    now,
    random,
    maxTries = 8,
    baseDelay = 1000,
    maxDelay = 300_000,
    maxRetryAfter = 3_600_000,
    networkDelay = 30_000,
  } = rules
  if (neverArrived(error)) return { state: 'waiting', error, dueAt: now() + random() * networkDelay }
  if (!error.retryable || tries + 1 >= maxTries) return { state: 'failed', tries: tries + 1, error }
  const backoff = random() * Math.min(maxDelay, baseDelay * 2 ** tries)
  const asked = Number(error.details?.['retryAfter'] ?? 0)
  const delay = Math.max(backoff, Math.min(Number.isFinite(asked) ? asked : 0, maxRetryAfter))
  return { state: 'waiting', tries: tries + 1, error, dueAt: now() + delay }
}
