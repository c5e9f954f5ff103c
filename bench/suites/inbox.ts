import * as v from 'valibot'

import { fieldsSchema, parseInbox, type Fields, type InboxMessage } from '../../demo/inbox.ts'
import { createTasks, type Mail } from '../../demo/tasks.ts'
import { suiteTask, type Case, type Suite } from '../eval/suite.ts'

const FIELDS = ['name', 'order_id', 'product'] as const
const LABEL: v.GenericSchema<unknown, { readonly label: string }> = v.object({ label: v.string() })
const TEXT: v.GenericSchema<unknown, { readonly text: string }> = v.object({ text: v.string() })

/** The demo's three tasks on its sample inbox: calibrators are fitted on `calibration`, figures are reported on `test`. */
export const suite: Suite = {
  name: 'inbox',
  async load(readJson) {
    const inbox = parseInbox(await readJson('data/inbox.json'))
    const tasks = createTasks(inbox)
    const cases = <E>(expected: (message: InboxMessage) => E): readonly Case<Mail, E>[] =>
      inbox.messages.flatMap((message) => {
        const { id, split, subject, body } = message
        return split === 'train' ? [] : [{ id, split, input: { subject, body }, expected: expected(message) }]
      })
    return [
      suiteTask({
        task: tasks.triage,
        cases: cases(({ reference }) => reference.intent),
        judge: (value, intent) => ({ exact: v.parse(LABEL, value).label === intent }),
        good: 'exact',
        answer: (intent) => JSON.stringify({ label: intent }),
      }),
      suiteTask({
        task: tasks.extract,
        cases: cases(({ reference }) => reference.fields),
        judge: (value, fields) => judgeFields(v.parse(fieldsSchema, value), fields),
        good: 'all',
        answer: (fields) => JSON.stringify(fields),
      }),
      suiteTask({
        task: tasks.draft,
        // No rule can tell a good reply from a passable one, so there is no label and nothing is fitted: figures on `test` alone.
        cases: cases(({ reference }) => reference.reply).filter(({ split }) => split === 'test'),
        compare: (value, reply) => [v.parse(TEXT, value).text, reply],
        answer: (reply) => reply,
      }),
    ]
  },
}

/** Each field alone and all three, exactly and with letter case and outer white space aside. */
function judgeFields(found: Fields, expected: Fields): Record<string, boolean> {
  const exact = FIELDS.map((field) => [field, found[field] === expected[field]] as const)
  const loose = FIELDS.map((field) => [`${field}, any case`, fold(found[field]) === fold(expected[field])] as const)
  return {
    all: exact.every(([, same]) => same),
    'all, any case': loose.every(([, same]) => same),
    ...Object.fromEntries([...exact, ...loose]),
  }
}

function fold(value: string | null): string | null {
  return value === null ? null : value.trim().toLowerCase()
}
