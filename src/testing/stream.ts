import type { FinishReason, Part, Source, Usage } from '../contracts/part.ts'
import type { AnswerSignals, TokenSignals } from '../contracts/signals.ts'
import { abortError, throwIfAborted, withDeadline } from '../utils/deadline.ts'
import type { Fault } from './fault.ts'
import { isFault, shapeOf } from './fault.ts'

/** Waits between parts: `FakeClock.sleep`, or a real one. Without one, or with a delay of 0, parts come at once. */
export interface Pace {
  /** Milliseconds before each piece of text, or before the answer of a call that has no pieces. */
  readonly delay?: number | undefined
  readonly sleep?: ((milliseconds: number, signal?: AbortSignal) => Promise<void>) | undefined
}

export interface Streamed {
  readonly id: string
  readonly source: Source
  /** One `delta` each. */
  readonly pieces: readonly string[]
  /** Those of the piece in the same place. */
  readonly tokens?: readonly TokenSignals[] | undefined
  readonly reason: FinishReason
  readonly usage: Usage
  readonly signals?: AnswerSignals | undefined
  /** Ends the stream in an error, after `failAfter` pieces. */
  readonly failWith?: Fault | undefined
  readonly failAfter?: number | undefined
}

/** The parts of an answer in their order: `start` first, unless all there is is an error; `finish` or `error` last. */
export async function* stream(answer: Streamed, pace: Pace, signal: AbortSignal | undefined): AsyncGenerator<Part> {
  const { source, failWith } = answer
  const given = failWith === undefined ? answer.pieces : answer.pieces.slice(0, answer.failAfter ?? 0)
  if (failWith === undefined || given.length > 0) yield { type: 'start', source, id: answer.id }
  for (const [i, text] of given.entries()) {
    await wait(pace, signal)
    yield { type: 'delta', source, text }
    const token = answer.tokens?.[i]
    if (token !== undefined) yield { type: 'signals', source, tokens: [token] }
  }
  if (failWith !== undefined) throw failWith
  yield { type: 'finish', source, reason: answer.reason, usage: answer.usage, signals: answer.signals }
}

/**
 * `parts`, as the ports promise them: faults and deadlines (milliseconds, to the first part and between parts) are `error` parts,
 * the caller's abort is a thrown `AbortError`, at once.
 */
export async function* bounded(
  parts: AsyncGenerator<Part>,
  source: Source,
  first: number | undefined,
  idle: number | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<Part> {
  let limit = first
  try {
    for (;;) {
      throwIfAborted(signal)
      const next = await withDeadline(parts.next(), 'the next part', limit, signal)
      if (next.done === true) return
      yield next.value
      limit = idle
    }
  } catch (error) {
    if (signal?.aborted === true) throw abortError(signal)
    if (!isFault(error)) throw error
    yield { type: 'error', source, error: shapeOf(error) }
  } finally {
    parts.return(undefined).catch(() => undefined)
  }
}

/** One delay of the pace; throws `AbortError` if the caller aborts in it. */
export async function wait({ delay = 0, sleep }: Pace, signal: AbortSignal | undefined): Promise<void> {
  throwIfAborted(signal)
  if (delay > 0 && sleep !== undefined) await withDeadline(sleep(delay, signal), 'the fake', undefined, signal)
}

/** Words, each with the space before it: joined again they are the text. */
export function piecesOf(text: string): string[] {
  return text.match(/\s*\S+(?:\s+$)?|\s+$/g) ?? []
}
