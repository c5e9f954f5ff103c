import type { ChatMessage } from '../contracts/engine.ts'
import type { Redacted } from '../contracts/stages.ts'
import { IDENTIFIERS } from './identifiers.ts'

/** As much of the line before and after a match as a decision may look at. */
const CONTEXT = 40

/**
 * Takes structured identifiers out of messages: e-mail addresses, telephone numbers, IBANs (checked), card numbers (checked), IP
 * addresses, keys and tokens. Names, addresses and free text stay: this is no anonymiser.
 *
 * Each value becomes `[KIND_n]`, equal values the same one; numbers that a text already uses for such a placeholder are left out, so that
 * `restore` gives back exactly what was there. `counts` says how many different values were replaced, by kind.
 */
export function redact(messages: readonly ChatMessage[]): Redacted {
  const taken = new Set(messages.flatMap(({ content }) => content.match(PLACEHOLDER) ?? []))
  const placeholderOf = new Map<string, string>()
  const valueOf = new Map<string, string>()
  const counts: Record<string, number> = {}
  const next = new Map<string, number>()

  function replace(kind: string, value: string): string {
    const known = placeholderOf.get(`${kind}:${value}`)
    if (known !== undefined) return known
    let n = (next.get(kind) ?? 0) + 1
    while (taken.has(`[${kind}_${n}]`)) n += 1
    next.set(kind, n)
    const placeholder = `[${kind}_${n}]`
    placeholderOf.set(`${kind}:${value}`, placeholder)
    valueOf.set(placeholder, value)
    counts[kind] = (counts[kind] ?? 0) + 1
    return placeholder
  }

  function clean(text: string): string {
    return IDENTIFIERS.reduce(
      (cleaned, { kind, pattern, accept }) =>
        cleaned.replace(pattern, (match: string, ...rest: unknown[]) => {
          const at = rest.find((argument) => typeof argument === 'number') ?? 0
          const before = cleaned.slice(Math.max(0, at - CONTEXT), at)
          const end = at + match.length
          const found = accept(match, before.slice(before.lastIndexOf('\n') + 1), cleaned.slice(end, end + CONTEXT))
          return found === undefined ? match : replace(kind, found) + match.slice(found.length)
        }),
      text,
    )
  }

  const cleaned = messages.map(({ role, content }) => ({ role, content: clean(content) }))
  return {
    messages: cleaned,
    counts,
    restore: (text) => text.replace(PLACEHOLDER, (placeholder) => valueOf.get(placeholder) ?? placeholder),
  }
}

const PLACEHOLDER = new RegExp(`\\[(?:${IDENTIFIERS.map(({ kind }) => kind).join('|')})_\\d+\\]`, 'g')
