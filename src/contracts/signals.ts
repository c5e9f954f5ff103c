/**
 * Signals of one generated token, from the raw logits: before temperature, penalties and any mask.
 * Natural logarithms throughout (nats).
 */
export interface TokenSignals {
  readonly token: number
  /** log p(token) under the full softmax, <= 0. */
  readonly logprob: number
  /** Shannon entropy of the distribution, in [0, ln(vocabulary)]. */
  readonly entropy: number
  /** log p(first) - log p(second), >= 0, of the two likeliest tokens. */
  readonly margin: number
}

/** The token signals of an answer, condensed. All over the generated tokens; absent for an answer of no tokens. */
export interface AnswerSignals {
  readonly tokens: number
  readonly meanLogprob: number
  readonly minLogprob: number
  readonly meanEntropy: number
  readonly maxEntropy: number
  readonly meanMargin: number
  readonly minMargin: number
}

/**
 * What is known about one answer when it is judged, by name: the condensed token signals, and what the task adds
 * (`topProbability`, `headMargin`, `neighbourSimilarity`, `labelMargin`, `valid`, `repaired`, `promptTokens`, …). Each a finite number.
 */
export type Signals = Readonly<Record<string, number>>

/** A token sequence's log-probability as the continuation of a prompt. */
export interface CandidateScore {
  /** Sum over the candidate's tokens of log p(token | prompt, tokens before), nats. */
  readonly logprob: number
  readonly tokens: number
}
