import type { Check } from '../contracts/task.ts'

/** The value of tasks that write. */
export interface Text {
  readonly text: string
}

/** There is something to read in the text. */
export function notEmpty<I>(): Check<I, Text> {
  return rule('notEmpty', ({ text }) => (/[\p{L}\p{N}]/u.test(text) ? undefined : 'there are no words in it'))
}

/** At most this many characters. */
export function maxLength<I>(characters: number): Check<I, Text> {
  return rule('maxLength', ({ text }) => (text.length <= characters ? undefined : `it is longer than ${characters} characters`))
}

/**
 * Every number, e-mail address and web address in the answer stands in the input or in the facts: a small model likes to make up order
 * numbers and dates. Numbers are compared by their digits (`1,299` is `1299`); numbers of one digit are let through.
 */
export function noInventedNumbers<I>(inputText: (input: I) => string, facts: readonly string[] = []): Check<I, Text> {
  return rule('noInventedNumbers', ({ text }, input) => {
    const source = [inputText(input), ...facts].join('\n')
    // Its parts too: "10:30" in the message covers "10" in the answer.
    const known = new Set([...claimsIn(source), ...(source.match(/\p{Nd}+/gu) ?? [])])
    const invented = claimsIn(text).some((claim) => claim.length > 1 && !known.has(claim))
    return invented ? 'it has a number or an address that stands neither in the message nor in the facts' : undefined
  })
}

/** No gap that somebody would have to fill in: `[Your Name]`, `{{name}}`, `<order number>`, `XXX`. */
export function noPlaceholders<I>(): Check<I, Text> {
  const gap = /\[[^\]\n]{2,60}\]|\{\{[^}\n]{0,60}\}\}|<[a-z][a-z _-]{2,40}>|\bX{3,}\b|_{4,}/i
  return rule('noPlaceholders', ({ text }) => (gap.test(text) ? 'it has a placeholder that nobody filled in' : undefined))
}

/** No talk of being a model, and no refusal in a model's words. */
export function noRefusal<I>(): Check<I, Text> {
  const refusal =
    /\b(?:as an? (?:ai|artificial|large language|language model|chat ?bot|virtual assistant|digital assistant)|i(?:'m| am) (?:just |only )?an? (?:ai|language model|chat ?bot)|i (?:cannot|can't|can not|am unable to|'m unable to) (?:assist|help) with (?:that|this)|i don't have (?:the )?(?:capability|ability|access|personal))/i
  return rule('noRefusal', ({ text }) =>
    refusal.test(text.replace(/[‘’]/g, "'")) ? 'it speaks as a model instead of answering' : undefined,
  )
}

/** The last line ends as a sentence, a greeting or a name does, and no line is written again and again. */
export function endsProperly<I>(): Check<I, Text> {
  return rule('endsProperly', ({ text }) => {
    const lines = text.trim().split(/\n+/)
    const last = (lines.at(-1) ?? '').trim()
    const sentences = text.split(/(?<=[.!?])\s+|\n+/).filter((sentence) => sentence.length > 20)
    if (new Set(sentences).size < sentences.length) return 'it repeats itself'
    if (/[.!?…)"'”’]$/.test(last)) return undefined
    // A signature: a short line of its own after others.
    return lines.length > 1 && last.length > 0 && last.split(/\s+/).length <= 4 && !/[,;:-]$/.test(last)
      ? undefined
      : 'it breaks off'
  })
}

function rule<I>(name: string, judge: (value: Text, input: I) => string | undefined): Check<I, Text> {
  return { name, judge }
}

/** Numbers as digits, e-mail and web addresses in lower case. */
function claimsIn(text: string): readonly string[] {
  const addresses =
    text.toLowerCase().match(/[\p{L}\p{N}._%+-]+@[\p{L}\p{N}.-]+\.\p{L}{2,}|(?:https?:\/\/|www\.)[^\s)>\]"']+/gu) ?? []
  const numbers = text.match(/\p{Nd}+(?:[.,:']\p{Nd}+)*/gu) ?? []
  return [
    ...addresses.map((address) => address.replace(/[.,;!?]+$/, '')),
    ...numbers.map((number) => number.replace(/\P{Nd}/gu, '')),
  ]
}
