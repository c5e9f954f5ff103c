import { readFileSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { createAnswerKey } from '../../server/app.ts'
import { readInbox } from '../../server/providers/inbox.ts'
import { drain, errorOf, startTestGateway } from './support/gateway.ts'
import type { TestGateway } from './support/gateway.ts'

const file: unknown = JSON.parse(readFileSync(new URL('../../public/data/inbox.json', import.meta.url), 'utf8'))
const { messages } = readInbox(file)

/** A small inbox whose messages are close to each other, on purpose. */
const tricky = (id: string, subject: string, body: string): unknown => ({
  id,
  subject,
  body,
  reference: { intent: id, fields: { name: null, order_id: null, product: null }, reply: `Reply to ${id}.` },
})
const TRICKY = {
  version: 1,
  shop: { name: 'Test' },
  messages: [
    tricky('short', 'Hello', 'Where is it?'),
    tricky('long', 'Hello', 'Where is it?\nPlease answer.'),
    tricky('mail-a', 'Address', 'Please write to ann@example.com about this order of mine.'),
    tricky('mail-b', 'Address', 'Please write to bob@example.com about this order of mine.'),
    tricky('end', 'Call me', 'I have waited long enough for this, call me: +49 30 1234567'),
    tricky('bare', 'Hi', 'a b'),
  ],
}

let gateway: TestGateway
let small: TestGateway

beforeAll(async () => {
  gateway = await startTestGateway({ provider: createAnswerKey({ inbox: file }) })
  small = await startTestGateway({ provider: createAnswerKey({ inbox: TRICKY }) })
})

afterAll(async () => {
  await gateway?.close()
  await small?.close()
})

const promptOf = ({ subject, body }: { subject: string; body: string }): string => `Subject: ${subject}\n\n${body}`

async function answerTo(to: TestGateway, task: string, content: string): Promise<string> {
  const completion = await to.client.chat.completions.create({
    model: 'frontier',
    messages: [
      { role: 'system', content: 'You answer the mail of a shop.' },
      { role: 'user', content },
    ],
    metadata: { task },
  })
  return completion.choices[0]?.message.content ?? ''
}

const intentOf = async (prompt: string): Promise<string> => {
  const { label }: { label: string } = JSON.parse(await answerTo(small, 'triage', prompt))
  return label
}

/** What a redactor would do, roughly: e-mail addresses, phone, card and account numbers become numbered placeholders. */
function redact(text: string): { text: string; count: number } {
  let count = 0
  const hide = (kind: string) => (): string => {
    count += 1
    return `[${kind}_${count}]`
  }
  return {
    text: text
      .replace(/[\w.+-]+@[\w-]+\.[\w.-]*\w/g, hide('EMAIL'))
      .replace(/\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b/g, hide('IBAN'))
      .replace(/\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b/g, hide('CARD'))
      .replace(/\+\d[\d ()/-]{7,}\d/g, hide('PHONE')),
    get count() {
      return count
    },
  }
}

describe('the sample inbox', () => {
  test('is answered whole: every message, all three tasks', async () => {
    for (const message of messages) {
      const prompt = `Here is a message.\n\n${promptOf(message)}\n\nAnswer as told.`
      expect(JSON.parse(await answerTo(gateway, 'triage', prompt)), message.id).toEqual({ label: message.reference.intent })
      expect(JSON.parse(await answerTo(gateway, 'extract@1', prompt)), message.id).toEqual(message.reference.fields)
      expect(await answerTo(gateway, 'draft@2', prompt), message.id).toBe(message.reference.reply)
    }
  })

  test('is answered with personal data redacted, too', async () => {
    let redacted = 0
    for (const message of messages) {
      const { text, count } = redact(promptOf(message))
      if (count === 0) continue
      redacted += 1
      expect(JSON.parse(await answerTo(gateway, 'triage', text)), message.id).toEqual({ label: message.reference.intent })
    }
    expect(redacted).toBeGreaterThan(0)
  })
})

describe('every response of the answer key', () => {
  const request = {
    model: 'answer-key',
    messages: [{ role: 'user' as const, content: 'Subject: Hello\n\nWhere is it?' }],
    metadata: { task: 'draft' },
  }

  test('says so, in its header, model and fingerprint; its usage is marked as an estimate', async () => {
    const { data, response } = await small.client.chat.completions.create(request).withResponse()
    expect(response.headers.get('x-transaxle-provider')).toBe('answer-key')
    expect(data).toMatchObject({
      model: 'answer-key',
      system_fingerprint: 'answer-key',
      usage: { estimated: true, completion_tokens: 4 },
    })
    const health = await fetch(`${small.url}/healthz`)
    expect(health.headers.get('x-transaxle-provider')).toBe('answer-key')
    expect(await health.json()).toEqual({ status: 'ok', provider: 'answer-key', models: ['answer-key'] })
    const models = await small.client.models.list()
    expect(models.data.map(({ id, owned_by }) => [id, owned_by])).toEqual([
      ['answer-key', 'answer-key'],
      ['frontier', 'answer-key'],
    ])
  })

  test('says so in every chunk, and comes in several', async () => {
    const first = messages[0]
    if (first === undefined) expect.fail('the inbox is empty')
    const stream = await gateway.client.chat.completions.create({
      ...request,
      messages: [{ role: 'user', content: promptOf(first) }],
      stream: true,
    })
    const { text, chunks, error } = await drain(stream)
    expect(error).toBeUndefined()
    expect(text).toBe(first.reference.reply)
    expect(chunks.length).toBeGreaterThan(5)
    expect(chunks.every(({ system_fingerprint, model }) => system_fingerprint === 'answer-key' && model === 'answer-key')).toBe(
      true,
    )
  })

  test('ends at its token limit as a model does', async () => {
    const { choices } = await small.client.chat.completions.create({ ...request, max_tokens: 2 })
    expect(choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'Reply to' } })
  })

  test('comes late where it should', async () => {
    const slow = await startTestGateway({ provider: createAnswerKey({ inbox: TRICKY, latency: 30 }) })
    const started = performance.now()
    await slow.client.chat.completions.create(request)
    // One wait before the start, one before the only chunk; timers may fire a millisecond early.
    expect(performance.now() - started).toBeGreaterThan(58)
    await slow.close()
  })

  test('ends its wait at once when its client leaves', async () => {
    const abort = new AbortController()
    const provider = createAnswerKey({ inbox: TRICKY, latency: 60_000 })
    const request = { model: 'answer-key', maxTokens: 9, promptTokens: 9, metadata: { task: 'draft' }, parameters: {} }
    const messages = [{ role: 'user', content: 'Subject: Hello\n\nWhere is it?' }]
    const chunks = provider.complete({ ...request, messages }, abort.signal)
    const first = chunks[Symbol.asyncIterator]().next()
    abort.abort()
    await expect(first).rejects.toMatchObject({ code: 'client_closed_request' })
  })
})

describe('matching', () => {
  test.each([
    ['Subject: Hello\n\nWhere is it?', 'short'],
    ['Subject: Hello\n\nWhere is it?\nPlease answer.', 'long'],
    ['Subject: Hello\r\n\r\nWhere is it?\r\nPlease answer.\r\n', 'long'],
    ['<mail>Subject: Hello\n\nWhere is it?</mail>', 'short'],
    ['Example: """Subject: Hi\n\na b"""\nNow this one:\nSubject: Hello\n\nWhere is it?', 'short'],
    ['Subject: Address\n\nPlease write to ann@example.com about this order of mine.', 'mail-a'],
    ['Subject: Call me\n\nI have waited long enough for this, call me: [PHONE_1]', 'end'],
    ['Subject: Call me\n\nI have waited long enough for this, call me: [PHONE_1]\n\nReply with JSON to [EMAIL_9].', 'end'],
    ['Subject: Call me\n\nI have waited long enough for this, call me: +49 [PHONE_1] [PHONE_2]', 'end'],
  ])('%j is %s', async (prompt, intent) => {
    expect(await intentOf(prompt)).toBe(intent)
  })

  test('gives placeholders back, so that it never tells what the prompt did not', async () => {
    const inbox = structuredClone(TRICKY)
    const provider = createAnswerKey({
      inbox: {
        ...inbox,
        messages: [
          {
            id: 'x',
            subject: 'Call',
            body: 'My number is +49 30 1234567, call me soon, will you?',
            reference: { intent: 'x', fields: { name: null, order_id: null, product: null }, reply: 'We call +49 30 1234567.' },
          },
        ],
      },
    })
    const own = await startTestGateway({ provider })
    expect(await answerTo(own, 'draft', 'Subject: Call\n\nMy number is [PHONE_3], call me soon, will you?')).toBe(
      'We call [PHONE_3].',
    )
    await own.close()
  })

  test.each([
    ['a word changed', 'Subject: Hello\n\nWhere was it?'],
    ['words added to its end', 'Subject: Hello\n\nWhere is it? And where is my refund?'],
    ['a placeholder added to its end', 'Subject: Hello\n\nWhere is it?[EMAIL_1]'],
    ['cut short', 'Subject: Hello\n\nWhere is'],
    ['another subject', 'Subject: Hullo\n\nWhere is it?'],
    ['two that fit equally well', 'Subject: Address\n\nPlease write to [EMAIL_1] about this order of mine.'],
    ['mostly placeholders', 'Subject: [NAME_1]\n\n[NAME_2] [NAME_3]'],
    ['a gap over a line', 'Subject: Hello\n\nWhere is [DATE_1] answer.'],
    ['nothing known', 'Write me a poem.'],
  ])('refuses %s, and names the settings of a real upstream', async (_case, prompt) => {
    const error = await errorOf(answerTo(small, 'triage', prompt))
    expect(error).toMatchObject({ status: 422, code: 'not_in_answer_key', type: 'invalid_request_error' })
    expect(error.message).toContain('FRONTIER_BASE_URL')
    expect(error.message).toContain('FRONTIER_API_KEY')
  })

  test('refuses a task it does not know, and a request without one', async () => {
    for (const task of ['translate', '']) {
      const error = await errorOf(answerTo(small, task, 'Subject: Hello\n\nWhere is it?'))
      expect(error).toMatchObject({ status: 422, code: 'not_in_answer_key', param: 'metadata.task' })
      expect(error.message).toContain('FRONTIER_BASE_URL')
    }
  })

  test('takes no longer for a prompt made of placeholders', async () => {
    const started = performance.now()
    const error = await errorOf(answerTo(gateway, 'triage', `Subject: ${'[A_1] [B_2]e'.repeat(8000)}`))
    expect(error.code).toBe('not_in_answer_key')
    expect(performance.now() - started).toBeLessThan(2000)
  })
})

test('an inbox of another form is refused by the member at fault', () => {
  const { messages: rest, ...without } = TRICKY
  expect(rest).toHaveLength(6)
  expect(() => createAnswerKey({ inbox: without })).toThrow(/'messages'/)
  expect(() =>
    createAnswerKey({ inbox: { ...TRICKY, messages: [{ id: 'a', subject: 'b', body: 'c', reference: { intent: 3 } }] } }),
  ).toThrow(/'messages\.0\.reference\.\w+'/)
})
