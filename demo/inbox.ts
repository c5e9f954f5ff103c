import * as v from 'valibot'

export interface Shop {
  readonly name: string
  /** All that a reply may state about the shop. */
  readonly facts: readonly string[]
}

export interface Intent {
  readonly id: string
  readonly title: string
  readonly description: string
}

/** What can be read off a message; null where it does not say. */
export interface Fields {
  readonly name: string | null
  readonly order_id: string | null
  readonly product: string | null
}

export interface InboxMessage {
  readonly id: string
  readonly from: { readonly name: string; readonly email: string }
  readonly subject: string
  readonly body: string
  readonly receivedAt: string
  /** `train`: examples of the tasks. Figures are reported on `test`, which nothing is fitted on. */
  readonly split: 'train' | 'calibration' | 'test'
  readonly difficulty: 'easy' | 'medium' | 'hard'
  readonly tags: readonly string[]
  readonly reference: { readonly intent: string; readonly fields: Fields; readonly reply: string }
}

export interface Inbox {
  readonly version: 1
  readonly shop: Shop
  readonly intents: readonly Intent[]
  readonly messages: readonly InboxMessage[]
}

const text = v.string()

export const fieldsSchema: v.GenericSchema<unknown, Fields> = v.object({
  name: v.nullable(text),
  order_id: v.nullable(text),
  product: v.nullable(text),
})

const inboxSchema: v.GenericSchema<unknown, Inbox> = v.object({
  version: v.literal(1),
  shop: v.object({ name: text, facts: v.array(text) }),
  intents: v.array(v.object({ id: text, title: text, description: text })),
  messages: v.array(
    v.object({
      id: text,
      from: v.object({ name: text, email: text }),
      subject: text,
      body: text,
      receivedAt: v.pipe(text, v.isoTimestamp()),
      split: v.picklist(['train', 'calibration', 'test']),
      difficulty: v.picklist(['easy', 'medium', 'hard']),
      tags: v.array(text),
      reference: v.object({ intent: text, fields: fieldsSchema, reply: text }),
    }),
  ),
})

/** The sample inbox out of its JSON. Throws ValiError where it is of another form. */
export function parseInbox(json: unknown): Inbox {
  return v.parse(inboxSchema, json)
}

/** What a model reads of a message. The sender's address is not part of it. */
export function textOf({ subject, body }: Pick<InboxMessage, 'subject' | 'body'>): string {
  return `Subject: ${subject}\n\n${body}`
}
