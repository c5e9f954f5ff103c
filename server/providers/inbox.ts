import * as v from 'valibot'

import { ApiError } from '../errors.ts'

/** A sample message with the answers written for it. */
export interface InboxMessage {
  readonly id: string
  readonly subject: string
  readonly body: string
  readonly reference: {
    readonly intent: string
    readonly fields: { readonly name: string | null; readonly order_id: string | null; readonly product: string | null }
    readonly reply: string
  }
}

export interface Inbox {
  readonly shop: { readonly name: string }
  readonly messages: readonly InboxMessage[]
}

const nullable = v.nullable(v.string())

const inbox = v.looseObject({
  version: v.literal(1),
  shop: v.looseObject({ name: v.string() }),
  messages: v.pipe(
    v.array(
      v.looseObject({
        id: v.string(),
        subject: v.string(),
        body: v.string(),
        reference: v.looseObject({
          intent: v.string(),
          fields: v.object({ name: nullable, order_id: nullable, product: nullable }),
          reply: v.string(),
        }),
      }),
    ),
    v.minLength(1),
  ),
})

/**
 * A parsed inbox file as messages with answers.
 *
 * @throws ApiError 500 that names the member at fault
 */
export function readInbox(value: unknown): Inbox {
  const result = v.safeParse(inbox, value, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  const path = (issue.path ?? []).map(({ key }) => String(key)).join('.')
  throw new ApiError(500, 'internal_error', `The answer key's inbox is not valid at '${path}': expected ${issue.expected}.`)
}
