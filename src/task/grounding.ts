import { isRecord } from '../utils/json.ts'

/** Every string of a value, at any depth, but for those under the keys to leave out. Empty strings quote nothing. */
export function quotedStrings(value: unknown, without: ReadonlySet<string> = new Set()): readonly string[] {
  if (typeof value === 'string') return value === '' ? [] : [value]
  if (Array.isArray(value)) return value.flatMap((member) => quotedStrings(member, without))
  if (!isRecord(value)) return []
  return Object.entries(value).flatMap(([key, member]) => (without.has(key) ? [] : quotedStrings(member, without)))
}

/** Whether `quote` stands in `text` as whole words, letter case, white space and the shape of quotation marks aside. */
export function isGrounded(quote: string, text: string): boolean {
  const needle = normalise(quote)
  const haystack = normalise(text)
  for (let at = haystack.indexOf(needle); at >= 0; at = haystack.indexOf(needle, at + 1)) {
    if (!joins(haystack, at) && !joins(haystack, at + needle.length)) return needle !== ''
  }
  return false
}

/** Whether the characters on both sides of `at` belong to one word. */
function joins(text: string, at: number): boolean {
  return at > 0 && at < text.length && /^[\p{L}\p{N}]{2}$/u.test(text.slice(at - 1, at + 1))
}

function normalise(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[‘’‚´`]/g, "'")
    .replace(/[“”„«»]/g, '"')
    .replace(/[‐-―]/g, '-')
    .replace(/\s+/g, ' ')
    .trim()
}
