import { readFileSync } from 'node:fs'

import { describe, expect, test } from 'vitest'

import { parseInbox, textOf } from '../../../demo/inbox.ts'
import { acknowledgement, createTasks } from '../../../demo/tasks.ts'

const inbox = parseInbox(JSON.parse(readFileSync(new URL('../../../public/data/inbox.json', import.meta.url), 'utf8')))
const tasks = createTasks(inbox)
const [first] = inbox.messages
if (first === undefined) throw new Error('The inbox is empty.')

async function problems<I, O>(
  checks: readonly { judge: (value: O, input: I) => unknown }[],
  value: O,
  input: I,
): Promise<unknown[]> {
  const found = await Promise.all(checks.map((check) => check.judge(value, input)))
  return found.filter((problem) => problem !== undefined)
}

describe('the demo tasks', () => {
  test('let every reference answer through their checks', async () => {
    for (const message of inbox.messages) {
      expect(await problems(tasks.draft.checks, { text: message.reference.reply }, message), message.id).toEqual([])
      expect(await problems(tasks.extract.checks, message.reference.fields, message), message.id).toEqual([])
    }
  })

  test('ask the frontier in a form that the answer key knows: the message begins the last turn', () => {
    for (const task of [tasks.triage, tasks.extract, tasks.draft]) {
      for (const message of inbox.messages) {
        const last = task.frontier.messages(message, []).at(-1)
        expect(last?.role).toBe('user')
        expect(last?.content.startsWith(textOf(message))).toBe(true)
      }
    }
  })

  test('show no message of the other splits to any model as an example', () => {
    const measured = inbox.messages.filter(({ split }) => split !== 'train')
    const prompts = [tasks.triage, tasks.extract, tasks.draft].flatMap((task) => task.frontier.messages(first, []))
    const shown = prompts.filter(({ role, content }) => role !== 'user' || !content.startsWith(textOf(first)))
    for (const { body } of measured) expect(shown.some(({ content }) => content.includes(body))).toBe(false)
  })

  test('turn down drafts that must not be sent', async () => {
    const mail = {
      subject: 'Where is it?',
      body: 'Where is my order 51907? I have waited for a week now and nobody has told me anything.',
    }
    const bad = [
      'Thank you. It will arrive on 14 May 2031, we promise.',
      'Dear [Name], thank you for writing. We will look into it.',
      'Thanks.',
      'We are sorry. I have waited for a week now and nobody has told me anything. We will check.',
      'We are very sorry for the delay. We are very sorry for the delay.',
      'We are sorry for the delay. We will check with the post and then we will',
    ]
    for (const text of bad) expect(await problems(tasks.draft.checks, { text }, mail), text).not.toEqual([])
  })

  test('have an acknowledgement that passes the checks of a draft', async () => {
    expect(await problems(tasks.draft.checks, acknowledgement(inbox.shop.name), first)).toEqual([])
  })
})
