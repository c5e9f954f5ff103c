import { classify, type Task } from 'transaxle'
import * as v from 'valibot'

import { textOf, type Inbox } from '../../demo/inbox.ts'

export interface Text {
  readonly text: string
}

const TEXT: v.GenericSchema<unknown, Text> = v.object({ text: v.string() })

/** The sample inbox's intents, by the encoder alone. */
export function triageTask({ intents, messages }: Inbox): Task<Text, { readonly label: string }> {
  return classify({
    name: 'bench-triage',
    version: 1,
    input: TEXT,
    text: ({ text }) => text,
    rungs: ['encoder'],
    whenUnknown: 'keep',
    labels: intents.map(({ id, description }) => ({
      id,
      description,
      examples: messages.filter(({ split, reference }) => split === 'train' && reference.intent === id).map(textOf),
    })),
  })
}
