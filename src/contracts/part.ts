import type { ErrorShape } from './error-shape.ts'
import type { AnswerSignals, TokenSignals } from './signals.ts'

/** Where a piece of an answer was made. */
export type Where = 'device' | 'frontier' | 'cache' | 'fallback'

/** Who made a part. Every part carries it, so that a reader can never mix two answers. */
export interface Source {
  readonly where: Where
  /** `org/name` with dtype on the device, the upstream's model name at the frontier. */
  readonly model?: string | undefined
}

/** `stop`: the model ended its turn. `stop-string`, `length`: a limit of the request did. `content-filter`: the upstream refused. */
export type FinishReason = 'stop' | 'stop-string' | 'length' | 'content-filter' | 'tool-calls'

/** Tokens, as counted by the tokenizer of the model that ran. */
export interface Usage {
  readonly promptTokens: number
  readonly completionTokens: number
}

/**
 * A generation as it happens. `start` comes first and once; `finish` or `error` comes last and once;
 * a stream that ends without either is an error of whoever made it.
 */
export type Part =
  | { readonly type: 'start'; readonly source: Source; readonly id: string }
  | { readonly type: 'delta'; readonly source: Source; readonly text: string }
  | { readonly type: 'signals'; readonly source: Source; readonly tokens: readonly TokenSignals[] }
  | {
      readonly type: 'finish'
      readonly source: Source
      readonly reason: FinishReason
      readonly usage: Usage
      readonly signals?: AnswerSignals | undefined
    }
  | { readonly type: 'error'; readonly source: Source; readonly error: ErrorShape }
