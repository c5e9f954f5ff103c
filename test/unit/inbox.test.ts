import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'

const SPLITS = ['train', 'calibration', 'test'] as const
const PER_INTENT = { train: 6, calibration: 7, test: 7 }
const INTENTS = [
  'order_status',
  'return_refund',
  'exchange',
  'damaged_or_wrong',
  'cancel_order',
  'change_details',
  'product_question',
  'payment_issue',
  'other',
] as const
const TAGS = [
  'all-caps',
  'formal',
  'hostile',
  'indirect',
  'long',
  'misleading-keywords',
  'out-of-scope',
  'personal-data',
  'sarcasm',
  'second-language',
  'short',
  'steering',
  'two-topics',
  'typos',
] as const

/** Word overlap (Jaccard) and shared word runs between two splits stay below these: the splits are written independently. */
const MAX_OVERLAP = 0.3
const MAX_SHARED_RUN = 5

/** Well-known test numbers and the ranges that the authorities of each country keep free for fiction. */
const PAYMENT_NUMBERS = ['4111111111111111', '5555555555554444', 'DE89370400440532013000', 'GB29NWBK60161331926819']
const FICTIONAL_PHONES = [
  /^07700900\d{3}$/,
  /^02079460\d{3}$/,
  /^01632960\d{3}$/,
  /^\d{3}55501\d{2}$/,
  /^03023125\d{3}$/,
  /^01713920\d{3}$/,
]
const EMAIL = /[\w.+-]+@[\w.-]+/g

const text = v.pipe(v.string(), v.trim(), v.minLength(1))
const Message = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^m\d{3}$/)),
  from: v.strictObject({ name: text, email: v.pipe(v.string(), v.regex(/^[\w.]+@example\.(com|org|net)$/)) }),
  subject: text,
  body: text,
  receivedAt: v.pipe(v.string(), v.regex(/^2026-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)),
  split: v.picklist(SPLITS),
  difficulty: v.picklist(['easy', 'medium', 'hard']),
  tags: v.array(v.picklist(TAGS)),
  reference: v.strictObject({
    intent: v.picklist(INTENTS),
    fields: v.strictObject({
      name: v.nullable(text),
      order_id: v.nullable(v.pipe(v.string(), v.regex(/^(BB-)?\d{5}$/))),
      product: v.nullable(text),
    }),
    reply: text,
  }),
})
const Inbox = v.strictObject({
  version: v.literal(1),
  shop: v.strictObject({ name: text, facts: v.pipe(v.array(text), v.minLength(1)) }),
  intents: v.array(v.strictObject({ id: v.picklist(INTENTS), title: text, description: text })),
  messages: v.array(Message),
})
type Message = v.InferOutput<typeof Message>

const inbox = v.parse(Inbox, JSON.parse(readFileSync(new URL('../../public/data/inbox.json', import.meta.url), 'utf8')))
const { messages } = inbox

const full = (m: Message): string => `Subject: ${m.subject}\n\n${m.body}`
const words = (s: string): string[] => s.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? []
const numbers = (s: string): string[] => s.match(/\d+(?:[.,:]\d+)*/g) ?? []
const standsAlone = (value: string, within: string): boolean =>
  new RegExp(`(?<![\\p{L}\\p{N}])${value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\p{L}\\p{N}])`, 'u').test(within)

/** Ids of the messages for which `bad` holds, so that a failure names its messages. */
const offenders = (bad: (m: Message) => boolean): string[] => messages.filter(bad).map((m) => m.id)

function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0
  for (const word of a) if (b.has(word)) shared++
  return shared / (a.size + b.size - shared)
}

function runs(s: string, length: number): Set<string> {
  const w = words(s)
  return new Set(w.slice(0, Math.max(0, w.length - length + 1)).map((_, i) => w.slice(i, i + length).join(' ')))
}

describe('sample inbox', () => {
  it('has 20 messages for each intent: 6 train, 7 calibration, 7 test', () => {
    expect(inbox.intents.map((i) => i.id)).toEqual(INTENTS)
    expect(messages).toHaveLength(180)
    for (const intent of INTENTS)
      for (const split of SPLITS)
        expect(messages.filter((m) => m.reference.intent === intent && m.split === split).length, `${intent}/${split}`).toBe(
          PER_INTENT[split],
        )
  })

  it('draws calibration and test alike: the same number of each difficulty in each intent', () => {
    const mix = (split: Message['split']): string[] =>
      messages
        .filter((m) => m.split === split)
        .map((m) => `${m.reference.intent} ${m.difficulty}`)
        .sort()
    expect(mix('calibration')).toEqual(mix('test'))
    expect(new Set(messages.filter((m) => m.split === 'train').map((m) => m.difficulty))).toEqual(new Set(['easy']))
    const share = (difficulty: Message['difficulty']): number =>
      messages.filter((m) => m.split === 'test' && m.difficulty === difficulty).length / 63
    expect(share('easy')).toBeCloseTo(0.5, 1)
    expect(share('medium')).toBeCloseTo(0.33, 1)
    expect(share('hard')).toBeGreaterThan(0.1)
  })

  it('has ids in the order of arrival within one week, and no body or sender twice', () => {
    expect(messages.map((m) => m.id)).toEqual(messages.map((_, i) => `m${String(i + 1).padStart(3, '0')}`))
    const arrivals = messages.map((m) => Date.parse(m.receivedAt))
    expect(arrivals).toEqual(arrivals.toSorted((a, b) => a - b))
    expect(Math.max(...arrivals) - Math.min(...arrivals)).toBeLessThan(7 * 24 * 3600 * 1000)
    for (const key of [
      (m: Message) => m.body,
      (m: Message) => m.from.name,
      (m: Message) => m.from.email,
      (m: Message) => m.reference.reply,
    ])
      expect(new Set(messages.map(key)).size).toBe(messages.length)
  })

  it('has every field as a literal part of the message, bounded by word borders', () => {
    for (const m of messages)
      for (const [field, value] of Object.entries(m.reference.fields))
        if (value !== null) expect(standsAlone(value, full(m)), `${m.id} ${field}: ${value}`).toBe(true)
  })

  it('misses no order number and no sender name that stands in the text', () => {
    expect(offenders((m) => m.reference.fields.order_id === null && /(?<!\d[ -]?)\d{5}(?! ?\d)|BB-\d/i.test(full(m)))).toEqual([])
    const signed = (m: Message): boolean =>
      m.from.name.split(/[\s-]+/).some((part) => /^\p{Lu}\p{L}{3,}$/u.test(part) && standsAlone(part, full(m).replace(EMAIL, '')))
    expect(offenders((m) => m.reference.fields.name === null && m.from.name !== 'Lucky Draw Office' && signed(m))).toEqual([])
    expect(offenders((m) => m.reference.fields.order_id !== null && full(m).includes(`BB-${m.reference.fields.order_id}`))).toEqual(
      [],
    )
  })

  it('has replies of 2 to 5 sentences', () => {
    const sentences = (s: string): number => s.match(/[.!?]"?(?=\s|$)/g)?.length ?? 0
    expect(offenders(({ reference: { reply } }) => sentences(reply) < 2 || sentences(reply) > 5)).toEqual([])
    expect(offenders(({ reference: { reply } }) => reply.length < 80 || reply.length > 500)).toEqual([])
  })

  it('has no number in a reply that stands neither in its message nor in the facts of the shop', () => {
    const known = new Set(numbers(inbox.shop.facts.join('\n')))
    for (const m of messages) {
      const own = new Set(numbers(full(m)))
      expect(
        numbers(m.reference.reply).filter((n) => !known.has(n) && !own.has(n)),
        m.id,
      ).toEqual([])
    }
  })

  it('has only addresses, card, account and phone numbers that belong to nobody, and tags them', () => {
    for (const m of messages) {
      const emails = full(m).match(EMAIL) ?? []
      for (const email of emails) expect(email, m.id).toMatch(/@example\.(com|org|net)\.?$/)
      const compact = full(m).match(/(?:\b[A-Z]{2}\d{2}|\(?\d)[\d ()-]*(?:[A-Z]{4} )?[\d ()-]*\d/g) ?? []
      const long = compact.map((s) => s.replace(/[ ()-]/g, '')).filter((s) => s.length >= 9)
      for (const n of long)
        expect(PAYMENT_NUMBERS.includes(n) || FICTIONAL_PHONES.some((range) => range.test(n)), `${m.id} ${n}`).toBe(true)
      if (emails.length + long.length > 0) expect(m.tags, m.id).toContain('personal-data')
      for (const secret of [...emails, ...PAYMENT_NUMBERS])
        expect(m.reference.reply.replaceAll(' ', ''), m.id).not.toContain(secret)
    }
  })

  it('tags what is out of scope, short and long', () => {
    const length = (m: Message): number => m.body.split(/\s+/).length
    expect(offenders((m) => m.tags.includes('out-of-scope') !== (m.reference.intent === 'other'))).toEqual([])
    expect(offenders((m) => m.tags.includes('short') !== length(m) <= 12)).toEqual([])
    expect(offenders((m) => m.tags.includes('long') !== length(m) >= 90)).toEqual([])
    expect(offenders((m) => new Set(m.tags).size !== m.tags.length || length(m) > 150)).toEqual([])
  })

  it('shares no wording between splits', () => {
    const sets = messages.map((m) => ({
      m,
      words: new Set(words(full(m).slice('Subject:'.length))),
      runs: runs(full(m), MAX_SHARED_RUN + 1),
    }))
    const close: string[] = []
    for (const [i, a] of sets.entries())
      for (const b of sets.slice(i + 1)) {
        if (a.m.split === b.m.split) continue
        const shared = [...a.runs].filter((run) => b.runs.has(run))
        if (overlap(a.words, b.words) >= MAX_OVERLAP || shared.length > 0) close.push(`${a.m.id} ${b.m.id} ${shared.join('; ')}`)
      }
    expect(close).toEqual([])
  })
})
