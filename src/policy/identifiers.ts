/** A kind of structured identifier: its placeholder's name, where it may stand, and whether what stands there is one. */
export interface Identifier {
  readonly kind: string
  readonly pattern: RegExp
  /** The part of the match that is the identifier, if any. `before` is the text in front of it, on the same line. */
  readonly accept: (match: string, before: string, after: string) => string | undefined
}

const always = (match: string): string => match

/** Every pattern is bounded, stays within one line and starts at a border, so that a long text costs linear time. */
export const IDENTIFIERS: readonly Identifier[] = [
  {
    kind: 'KEY',
    pattern:
      /(?<![\w-])(?:(?:sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[abp]|hf|npm)[-_][\w-]{16,255}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{35}|eyJ[\w-]{8,2000}\.[\w-]{8,4000}\.[\w-]{8,1000}|[\w-]{24,2000})(?![\w-])/g,
    accept: (match) =>
      /^(?:sk|pk|rk|gh|gl|xox|hf_|npm_|AKIA|ASIA|AIza|eyJ)/.test(match) || looksRandom(match) ? match : undefined,
  },
  {
    kind: 'EMAIL',
    pattern: /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu,
    accept: always,
  },
  { kind: 'IBAN', pattern: /(?<![A-Z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}(?![A-Z0-9])/gi, accept: ibanIn },
  {
    kind: 'CARD',
    pattern: /(?<![\w.+-])\d(?:[ -]?\d){11,18}(?![\w-])/g,
    accept: (match) => (/^(?:[2-6]|1800)/.test(digitsOf(match)) && passesLuhn(digitsOf(match)) ? match : undefined),
  },
  {
    kind: 'IP',
    pattern:
      /(?<![\w.:])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?!\.?\d)|(?:[\da-f]{1,4}:){7}[\da-f]{1,4}|(?:[\da-f]{1,4}:){1,6}(?::[\da-f]{1,4}){1,6})(?![\w:])/gi,
    accept: always,
  },
  {
    kind: 'PHONE',
    pattern:
      /(?<![\w#+@€$£-]|\d[ .,/:])(?:\+|\(\+?)?\d(?:[ \t]?[()./-]?[ \t]?\d){6,16}(?:[ \t]?(?:x|ext\.?)[ \t]?\d{1,5})?(?![\w€$£%@]|[.,-]\d)/gi,
    accept: phoneIn,
  },
]

/** A run of upper case, lower case and digits, or long hexadecimal: what a generator makes, not what people write. */
function looksRandom(text: string): boolean {
  if (/^[\da-f]{32,}$/i.test(text)) return /\d/.test(text) && /[a-f]/i.test(text)
  const runs = text.split(/[-_]/).filter((run) => run.length >= 16)
  return runs.some((run) => (run.match(/\d/g)?.length ?? 0) >= 2 && /[a-z]/.test(run) && /[A-Z]/.test(run))
}

/** The longest IBAN that the match starts with: ISO 7064 MOD 97-10 over the rearranged text is 1 (ISO 13616). */
function ibanIn(match: string): string | undefined {
  for (let end = match.length; end >= 15; end -= 1) {
    // Ends inside a run of letters and digits are no ends.
    if (end < match.length && /[A-Z0-9]/i.test(match[end] ?? '')) continue
    const text = match.slice(0, end)
    const compact = text.replace(/[ -]/g, '')
    if (compact.length >= 15 && compact.length <= 34 && mod97(compact) === 1) return text
  }
  return undefined
}

function mod97(iban: string): number {
  const rearranged = iban.slice(4) + iban.slice(0, 4)
  return Array.from(rearranged).reduce((rest, character) => {
    const value = Number.parseInt(character, 36)
    return (rest * (value > 9 ? 100 : 10) + value) % 97
  }, 0)
}

/** Luhn's check digit (ISO/IEC 7812-1, annex B). */
function passesLuhn(digits: string): boolean {
  const sum = Array.from(digits)
    .toReversed()
    .reduce((total, digit, i) => {
      const doubled = Number(digit) * (i % 2 === 1 ? 2 : 1)
      return total + (doubled > 9 ? doubled - 9 : doubled)
    }, 0)
  return sum % 10 === 0 && !/^0+$/.test(digits)
}

/** Numbers with one of these names in front are an app's own: an order, an invoice, a parcel. */
const OWN_NUMBER =
  /(?:order|invoice|ref(?:erence)?|tracking|ticket|case|parcel|shipment|item|article|sku|serial|product|model|isbn|ean|customer|member|account|contract|booking|reservation|bestellung|rechnung|commande|pedido)(?:s|'s)?(?: ?(?:no|nr|num|number|id|code|nummer))?[.:]?[ #:(-]*(?:is|was)? ?$/i
const DATE = /(?<!\d)(?:(?:19|20)\d\d([-./])\d\d?\1\d\d?|\d\d?([-./])\d\d?\2(?:19|20)\d\d)(?!\d)/
/** A street follows: a capital, or the word itself within a few words. */
const STREET_AFTER = /^ (?:\p{Lu}|(?:\S+ ){1,2}(?:street|st|avenue|ave|road|rd|lane|drive|way|court|square)(?!\w))/u
const MONEY_AFTER = /^ ?(?:€|\$|£|%|eur|usd|gbp|dollars?|euros?|pounds?|kg|km|cm|mm)/i

const LOCAL_PAIR = /^(?:\d{3}[ -]\d{4}|\d{4}[ -]\d{4}|\d\d[ -]\d{6})$/
const YEARS = /^(?:19|20)\d\d.(?:19|20)\d\d$/

/** A telephone number: international with +, or local with a trunk 0 or in groups. 7 to 15 digits without the extension (ITU-T E.164). */
function phoneIn(match: string, before: string, after: string): string | undefined {
  const number = match.replace(/[ \t]?(?:x|ext\.?)[ \t]?\d{1,5}$/i, '')
  const digits = digitsOf(number)
  if (digits.length < 7 || digits.length > 15) return undefined
  if (number.includes('+')) return match
  if (OWN_NUMBER.test(before) || DATE.test(number) || MONEY_AFTER.test(after)) return undefined
  const groups = number.match(/\d+/g) ?? []
  if (groups.length === 1) return /^(?:0\d{8,}|[2-9]\d{9}|1[2-9]\d{9})$/.test(digits) ? match : undefined
  if (groups.length === 2 && !number.includes('(') && STREET_AFTER.test(after)) return undefined
  if (/^\(?0/.test(number) || number.includes('(') || number.length < match.length) return match
  // Groups without a trunk 0 are shared with decimals, years, sizes, post codes and house numbers.
  if (groups.length === 2) return LOCAL_PAIR.test(number) && !YEARS.test(number) ? match : undefined
  return groups.length <= 6 && groups.every((group) => group.length <= 6) && !/^\d\d(?: \d\d)+$/.test(number) ? match : undefined
}

function digitsOf(text: string): string {
  return text.replace(/\D/g, '')
}
