import type { Signals } from '../contracts/signals.ts'
import { isGrounded, quotedStrings } from './grounding.ts'

/** `fields`: how many strings the answer quotes; `grounded`: the share of them that stands in the text, 1 where there is none. */
export function groundingSignals(value: unknown, source: string, enums: ReadonlySet<string>): Signals {
  const quoted = quotedStrings(value, enums)
  const grounded = quoted.filter((each) => isGrounded(each, source)).length
  return { grounded: quoted.length === 0 ? 1 : grounded / quoted.length, fields: quoted.length }
}

/** One set of condensed token signals out of several generations': means by their tokens, extremes over all. */
export function mergeSignals(parts: readonly Signals[]): Signals {
  const present = parts.filter((part) => (part['tokens'] ?? 0) > 0)
  const tokens = present.reduce((sum, part) => sum + (part['tokens'] ?? 0), 0)
  if (tokens === 0) return {}
  const all = (name: string): number[] => present.map((part) => part[name] ?? 0)
  const mean = (name: string): number => present.reduce((sum, part) => sum + (part[name] ?? 0) * (part['tokens'] ?? 0), 0) / tokens
  return {
    tokens,
    meanLogprob: mean('meanLogprob'),
    minLogprob: Math.min(...all('minLogprob')),
    meanEntropy: mean('meanEntropy'),
    maxEntropy: Math.max(...all('maxEntropy')),
    meanMargin: mean('meanMargin'),
    minMargin: Math.min(...all('minMargin')),
  }
}
