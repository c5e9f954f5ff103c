/** Rules that a reply must keep, whoever wrote it. Each gives a sentence that says what is wrong, or undefined. */

const FEWEST_SENTENCES = 2
const MOST_SENTENCES = 5
/** A reply that repeats as many words of the message in a row is an echo of it. */
const ECHO_WORDS = 10

/** Marks of a blank that somebody was to fill in: `[name]`, `{order}`, `<date>`, "XXX", "your name here". */
const BLANK = /\[[^\]\n]{1,40}\]|\{[^}\n]{1,40}\}|<[^>\n]{1,40}>|_{3,}|\bX{3,}\b|\byour name here\b/i
/** Where a model goes on with a mail header or another turn after its reply. */
const SCAFFOLD = /^(subject|message|customer|reply|answer)\s*:/im

export function judgeLength(reply: string): string | undefined {
  const count = sentencesOf(reply)
  if (count >= FEWEST_SENTENCES && count <= MOST_SENTENCES) return undefined
  return `the reply has ${count} ${count === 1 ? 'sentence' : 'sentences'}; it must have ${FEWEST_SENTENCES} to ${MOST_SENTENCES}.`
}

/** Every number of the reply must stand in the message or in the shop's facts: a date, price or size that is made up costs the shop. */
export function judgeNumbers(reply: string, known: string): string | undefined {
  const allowed = new Set(numbersOf(known))
  const invented = numbersOf(reply).filter((number) => !allowed.has(number))
  if (invented.length === 0) return undefined
  return `the reply has ${invented.length === 1 ? 'a number' : 'numbers'} that nobody gave: ${[...new Set(invented)].join(', ')}.`
}

export function judgeBlanks(reply: string): string | undefined {
  if (BLANK.test(reply)) return 'the reply has a blank that was never filled in.'
  return SCAFFOLD.test(reply) ? 'the reply has parts of a form in it.' : undefined
}

export function judgeEcho(reply: string, message: string): string | undefined {
  const said = ` ${wordsOf(message).join(' ')} `
  const words = wordsOf(reply)
  const echoed = words.some(
    (_, i) => i + ECHO_WORDS <= words.length && said.includes(` ${words.slice(i, i + ECHO_WORDS).join(' ')} `),
  )
  return echoed ? 'the reply repeats the message instead of answering it.' : undefined
}

/** The reply ends as a sentence, a greeting or a name does, and says nothing twice. */
export function judgeEnding(reply: string): string | undefined {
  const sentences = reply.split(/(?<=[.!?])\s+/).filter((sentence) => sentence.length > 20)
  if (new Set(sentences).size < sentences.length) return 'the reply repeats itself.'
  const last = reply.trim().split('\n').at(-1) ?? ''
  const isSignature = last !== reply.trim() && last.split(/\s+/).length <= 5
  return /[.!?)"']$/.test(last) || isSignature ? undefined : 'the reply breaks off.'
}

/** The facts that share most with a message, rare words counting more: a small model answers better from three lines than from forty. */
export function relevantFacts(facts: readonly string[], message: string, count: number): readonly string[] {
  const asked = new Set(stemsOf(message))
  const stems = facts.map((fact) => new Set(stemsOf(fact)))
  const weight = (stem: string): number => 1 / stems.filter((of) => of.has(stem)).length
  const rated = facts.map((fact, i) => ({
    fact,
    shared: [...(stems[i] ?? [])].filter((stem) => asked.has(stem)).reduce((sum, stem) => sum + weight(stem), 0),
  }))
  return rated
    .filter(({ shared }) => shared > 0)
    .sort((a, b) => b.shared - a.shared)
    .slice(0, count)
    .map(({ fact }) => fact)
}

function sentencesOf(text: string): number {
  return text
    .replace(/\b(?:Mr|Mrs|Ms|Dr|St|No|approx|e\.g|i\.e|p\.m|a\.m)\./g, '')
    .split(/[.!?]+["')\]]*(?:\s|$)/)
    .filter((sentence) => /\p{L}/u.test(sentence)).length
}

/** Numbers as they are meant: `1,000` and `1000` are one, an order number is its digits. */
function numbersOf(text: string): string[] {
  return (text.match(/\d+(?:[.,:]\d+)*/g) ?? []).map((number) => number.replaceAll(',', ''))
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\d]+/gu) ?? []
}

const STOP_WORDS = new Set(
  'the and for you your our with that this have has are was not can but from they will would been what when how its any all one out get did does than then there here'.split(
    ' ',
  ),
)

function stemsOf(text: string): string[] {
  return wordsOf(text)
    .filter((word) => word.length > 2 && !STOP_WORDS.has(word))
    .map((word) => word.replace(/(?:ies|es|s|ed|ing)$/, ''))
}
