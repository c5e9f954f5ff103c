import { isGrounded } from './grounding.ts'

/** A word with its inner points, hyphens and apostrophes: `BB-48213`, `don't`, `1.93`. */
const WORD = /[\p{L}\p{N}](?:[\p{L}\p{N}'’._-]*[\p{L}\p{N}])?/gu

/** Words of the longest span that a pattern is tried on. */
const LONGEST = 6

/** The different words of a text, in its order. */
export function wordsOf(text: string): readonly string[] {
  return [...new Set(text.match(WORD) ?? [])]
}

/** The different runs of whole words that match `pattern`; of runs within each other the longest. */
export function spansMatching(text: string, pattern: RegExp): readonly string[] {
  const words = [...text.matchAll(WORD)]
  const spans: { readonly from: number; readonly to: number }[] = []
  for (const [i, first] of words.entries()) {
    const ends = words.slice(i, i + LONGEST).map((word) => word.index + word[0].length)
    const to = ends.findLast((end) => pattern.test(text.slice(first.index, end)))
    if (to !== undefined && to > (spans.at(-1)?.to ?? 0)) spans.push({ from: first.index, to })
  }
  return [...new Set(spans.map(({ from, to }) => text.slice(from, to)))]
}

/** The longest beginning of `quote`, in whole words, that stands in `text`, spelled as it is there. */
export function groundedStart(quote: string, text: string): string | undefined {
  const words = quote.trim().split(/\s+/)
  for (let length = words.length; length > 0; length -= 1) {
    const start = words
      .slice(0, length)
      .join(' ')
      .replace(/[\s,;:.!?]+$/, '')
    if (start !== '' && isGrounded(start, text)) return asSpelled(start, text)
  }
  return undefined
}

/** A quote with the letter case that it has in the text: exactly as it is, if it stands there so, else as at its first place. */
export function asSpelled(quote: string, text: string): string {
  const flexible = (flags: string): RegExp =>
    new RegExp(
      `(?<![\\p{L}\\p{N}])${quote.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replace(/\s+/g, '\\s+')}(?![\\p{L}\\p{N}])`,
      flags,
    )
  const found = flexible('u').exec(text) ?? flexible('iu').exec(text)
  return found === null ? quote : found[0].replace(/\s+/g, ' ')
}
