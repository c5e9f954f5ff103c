import { classify, draft, extract, type Task } from 'transaxle'
import * as v from 'valibot'

import { fieldsSchema, textOf, type Fields, type Inbox, type InboxMessage } from './inbox.ts'
import { PHRASES } from './phrases.ts'
import { judgeBlanks, judgeEcho, judgeEnding, judgeLength, judgeNumbers, relevantFacts } from './reply-rules.ts'

/** What every task is given of a message. */
export interface Mail {
  readonly subject: string
  readonly body: string
}

export interface Triage {
  readonly label: string
}

export interface Reply {
  readonly text: string
}

export interface Tasks {
  /** What does the customer want? One of the inbox's intents. */
  readonly triage: Task<Mail, Triage>
  /** Who, which order, which article? Values stand in the message or are null. */
  readonly extract: Task<Mail, Fields>
  /** A reply for the agent to read over and send. */
  readonly draft: Task<Mail, Reply>
}

/** Facts that go into the prompt of one draft. */
const FACTS = 4

const mail: v.GenericSchema<unknown, Mail> = v.object({ subject: v.string(), body: v.pipe(v.string(), v.minLength(1)) })

/** The help desk's three tasks. Examples come from the inbox's `train` split alone, so that the other splits can be measured on. */
export function createTasks(inbox: Inbox): Tasks {
  const train = inbox.messages.filter(({ split }) => split === 'train').toSorted(byLength)
  return { triage: triageTask(inbox, train), extract: extractTask(train), draft: draftTask(inbox, train) }
}

/**
 * A label is a suggestion on a list that people look at anyway: where the frontier model cannot be had, the device's own guess is kept.
 * Only without any guess is the request queued: a label that comes an hour later still sorts the list.
 */
function triageTask({ intents }: Inbox, train: readonly InboxMessage[]): Task<Mail, Triage> {
  return classify({
    name: 'triage',
    version: 1,
    input: mail,
    text: textOf,
    instructions: 'Sort each e-mail to the help desk of a shop for outdoor equipment by what the customer wants done now.',
    labels: intents.map(({ id, description }) => ({
      id,
      description,
      // Phrases first: the language model's prompt has room for the first few only.
      examples: [...(PHRASES[id] ?? []), ...train.filter(({ reference }) => reference.intent === id).map(textOf)],
    })),
    whenUnreachable: ['keep', 'queue', 'refuse'],
  })
}

const NULLABLE = { type: ['string', 'null'] }

/** Short and varied: model names and plain words, with and without name and number, one with nothing in it. */
const EXTRACT_EXAMPLES: readonly string[] = ['m029', 'm081', 'm070', 'm011', 'm072', 'm180', 'm044', 'm153', 'm162', 'm174']

/**
 * The check lets through only what stands in the message, so what the device read is worth keeping when nothing better can be had:
 * at worst a field is missing or is another word of the customer's own.
 */
function extractTask(train: readonly InboxMessage[]): Task<Mail, Fields> {
  const examples = EXTRACT_EXAMPLES.flatMap((wanted) => train.find(({ id }) => id === wanted) ?? [])
  return extract({
    name: 'extract',
    version: 1,
    input: mail,
    text: textOf,
    instructions:
      'Copy from each e-mail the name that the customer signs with, the number of the order and the product that it is about. Write null for what is not in it.',
    output: fieldsSchema,
    jsonSchema: {
      type: 'object',
      properties: { name: NULLABLE, order_id: { ...NULLABLE, pattern: '^(BB-)?[1-9]\\d{4}$' }, product: NULLABLE },
      required: ['name', 'order_id', 'product'],
      additionalProperties: false,
    },
    examples: examples.map((message) => ({ input: textOf(message), output: message.reference.fields })),
    grounded: true,
    whenUnreachable: ['keep', 'queue', 'refuse'],
  })
}

/**
 * A reply has the shop's name under it, so a draft that is not good enough is never kept. Offline it is queued, because nobody sends a
 * reply offline either and the better answer comes with the network. Where waiting cannot help (the message must stay on the device,
 * the budget is spent), a fixed acknowledgement stands in: it promises nothing but that somebody will write.
 */
function draftTask({ shop }: Inbox, train: readonly InboxMessage[]): Task<Mail, Reply> {
  const text = (input: Mail): string => {
    const facts = relevantFacts(shop.facts, textOf(input), FACTS)
    return facts.length === 0 ? textOf(input) : `${textOf(input)}\n\nFacts:\n${facts.map((fact) => `- ${fact}`).join('\n')}`
  }
  const known = (input: Mail): string => `${textOf(input)}\n${shop.facts.join('\n')}`
  const examples = ['product_question', 'return_refund'].flatMap(
    (intent) => train.find(({ reference }) => reference.intent === intent) ?? [],
  )
  return draft({
    name: 'draft',
    version: 1,
    input: mail,
    text,
    instructions: `You work at the help desk of ${shop.name}, an online shop for outdoor equipment. Write a friendly reply to the customer's e-mail in 2 to 4 short sentences. Say only what the facts say, or that you will check it. No subject line, no signature.`,
    examples: examples.map((message) => ({ input: text(message), output: message.reference.reply })),
    maxTokens: 110,
    checks: [
      { name: 'ending', judge: ({ text }) => judgeEnding(text) },
      { name: 'length', judge: ({ text }) => judgeLength(text) },
      { name: 'blanks', judge: ({ text }) => judgeBlanks(text) },
      { name: 'numbers', judge: ({ text }, input) => judgeNumbers(text, known(input)) },
      { name: 'echo', judge: ({ text }, input) => judgeEcho(text, textOf(input)) },
    ],
    fallback: () => acknowledgement(shop.name),
    whenUnreachable: ['queue', 'fallback', 'refuse'],
  })
}

/** What can always be said. Also what an agent may send while a better draft waits in the outbox. */
export function acknowledgement(shop: string): Reply {
  return {
    text: `Thank you for your message to ${shop}. We have received it, and a colleague will read it and write back to you as soon as possible. You need not do anything until then.`,
  }
}

function byLength(a: InboxMessage, b: InboxMessage): number {
  return textOf(a).length - textOf(b).length
}
