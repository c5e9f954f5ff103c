import type { InboxMessage } from './inbox.ts'

/** A piece of a message that the prompt has a placeholder for. */
interface Hidden {
  readonly placeholder: string
  readonly original: string
}

export interface Found {
  readonly message: InboxMessage
  readonly hidden: readonly Hidden[]
}

const PREFIX = 'Subject: '
/** `[EMAIL_1]`, `[IBAN_2]`: what a redactor leaves in the place of personal data. */
const PLACEHOLDER = /\[[A-Z][A-Z0-9_]*_\d+\]/g
/** The longest piece of personal data, in characters: an IBAN with spaces has 42, e-mail addresses seldom more than 60. */
const LONGEST_HIDDEN = 80
/** Under this share of its own text left, anything could match. */
const LEAST_LITERAL = 0.5
/** Shorter originals (a house number) occur in answers by chance. */
const SHORTEST_REPLACED = 5

/** Places tried for one prompt: many times what any redacted message needs, and soon spent by a prompt made of placeholders. */
const MOST_PLACES = 200_000

interface Prompt {
  /** Text before, between and after the placeholders. */
  readonly literals: readonly string[]
  readonly placeholders: readonly string[]
}

interface State {
  /** Where in the message the next literal must begin. */
  readonly at: number
  readonly gaps: readonly string[]
}

/**
 * Finds the message that a prompt holds as `Subject: {subject}\n\n{body}`: exact, except that placeholders may stand for short
 * pieces within a line. Where a prompt holds several (examples, say), the last one counts; where two fit, the longer;
 * two that fit equally well are no answer.
 */
export function createMatcher(messages: readonly InboxMessage[]): (prompt: string) => Found | undefined {
  const sources = messages
    .map((message) => ({ message, source: normalise(`${PREFIX}${message.subject}\n\n${message.body}`).trimEnd() }))
    .sort((a, b) => b.source.length - a.source.length)

  return (prompt) => {
    const text = normalise(prompt)
    const budget = { left: MOST_PLACES }
    for (const start of startsOf(text).toReversed()) {
      const parts = splitAtPlaceholders(text.slice(start))
      let best: (Found & { readonly length: number }) | undefined
      for (const { message, source } of sources) {
        if (best !== undefined && source.length < best.length) break
        const hidden = align(source, parts, budget)
        if (hidden === undefined) continue
        if (best !== undefined) return undefined
        best = { message, hidden, length: source.length }
      }
      if (best !== undefined) return { message: best.message, hidden: best.hidden }
    }
    return undefined
  }
}

function normalise(text: string): string {
  return text.replaceAll('\r\n', '\n').normalize('NFC')
}

function startsOf(text: string): readonly number[] {
  return [...text.matchAll(new RegExp(PREFIX, 'g'))].map(({ index }) => index)
}

function splitAtPlaceholders(text: string): Prompt {
  return { literals: text.split(PLACEHOLDER), placeholders: text.match(PLACEHOLDER) ?? [] }
}

/**
 * What the placeholders of a prompt stand for, if the prompt begins with `source`; `undefined` if it does not.
 * Keeps all ways to place the literals so far, at most one for each place in the source.
 */
function align(source: string, { literals, placeholders }: Prompt, budget: { left: number }): readonly Hidden[] | undefined {
  let states: readonly State[] = [{ at: 0, gaps: [] }]
  for (const [index, literal] of literals.entries()) {
    const next = new Map<number, State>()
    for (const state of states) {
      for (const place of placesAfter(source, state, index)) {
        budget.left -= 1
        if (budget.left < 0) return undefined
        const rest = source.slice(place.at)
        if (endsWithin(literal, rest, index === literals.length - 1)) {
          if (isMostlyLiteral(source, place.gaps)) return hiddenOf(place.gaps, placeholders)
        } else if (rest.startsWith(literal)) {
          const at = place.at + literal.length
          if (!next.has(at)) next.set(at, { at, gaps: place.gaps })
        }
      }
    }
    if (next.size === 0) return undefined
    states = [...next.values()]
  }
  return undefined
}

/** The first literal begins where the message does; a later one after a gap of 1 to `LONGEST_HIDDEN` characters of one line. */
function placesAfter(source: string, { at, gaps }: State, index: number): readonly State[] {
  if (index === 0) return [{ at, gaps }]
  const line = source.slice(at, at + LONGEST_HIDDEN).split('\n', 1)[0] ?? ''
  return Array.from({ length: line.length }, (_none, i) => ({ at: at + i + 1, gaps: [...gaps, line.slice(0, i + 1)] }))
}

/** Whether the message ends within this literal: then a new line, a closing mark or nothing may follow, but no more words. */
function endsWithin(literal: string, rest: string, isLast: boolean): boolean {
  if (!literal.startsWith(rest)) return false
  const after = literal.slice(rest.length)
  return /^[^\S\n]*[\n"'`<]/.test(after) || (isLast && after.trim() === '')
}

function isMostlyLiteral(source: string, gaps: readonly string[]): boolean {
  const hidden = gaps.reduce((sum, gap) => sum + gap.length, 0)
  const length = source.length - PREFIX.length
  return length - hidden >= length * LEAST_LITERAL
}

function hiddenOf(gaps: readonly string[], placeholders: readonly string[]): readonly Hidden[] {
  const hidden = gaps.map((original, i) => ({ original, placeholder: placeholders[i] ?? '' }))
  return hidden.filter(({ original }) => original.length >= SHORTEST_REPLACED).sort((a, b) => b.original.length - a.original.length)
}
