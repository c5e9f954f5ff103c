import { APIError } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { ask, drain, errorOf, KEY, startBefore } from './support/gateway.ts'
import type { TestGateway } from './support/gateway.ts'
import { startChild } from './support/processes.ts'
import type { Child } from './support/processes.ts'

const MODELS = (
  'ok drip no-usage tools echo cut no-done half-frame done-without-finish finish-abort error-event not-json bad-utf8 long-event endless ' +
  'html html-502 redirect status-500 status-503 status-429 status-404 echo-key-400 echo-key-401 echo-key-answer ' +
  'hang-headers hang-first comments hang-mid slow'
).split(' ')
const TEXT = 'Grüße aus 東京 🦊👩‍🚀 ok'

let upstream: Child
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startChild('test/server/support/scripted-upstream.ts')
  gateway = await startBefore(upstream.url, ['ok', ...MODELS], { connect: 300, firstToken: 200, idle: 200 })
})

afterAll(async () => {
  await gateway?.close()
  await upstream?.stop()
})

describe('the official client against a real upstream', () => {
  test('gets a whole answer', async () => {
    const completion = await gateway.client.chat.completions.create(ask('ok'))
    expect(completion.choices[0]).toMatchObject({ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: TEXT } })
    expect(completion.usage).toEqual({ prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 })
    expect(completion).toMatchObject({ object: 'chat.completion', model: 'scripted-1', id: expect.stringMatching(/^chatcmpl-/) })
  })

  test.each(['ok', 'drip'])('gets a stream (%s)', async (model) => {
    const stream = await gateway.client.chat.completions.create({
      ...ask(model),
      stream: true,
      stream_options: { include_usage: true },
    })
    const { text, error, chunks } = await drain(stream)
    expect(error).toBeUndefined()
    expect(text).toBe(TEXT)
    expect(chunks.at(0)?.choices[0]?.delta.role).toBe('assistant')
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop')
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 18 } })
  })

  test('gets no usage in a stream unless it asks', async () => {
    const { chunks } = await drain(await gateway.client.chat.completions.create({ ...ask('ok'), stream: true }))
    expect(chunks.every((chunk) => chunk.usage === undefined && chunk.choices.length === 1)).toBe(true)
  })

  test('gets an estimated usage, marked, where the upstream counts nothing', async () => {
    const { usage } = await gateway.client.chat.completions.create(ask('no-usage', 'twelve chars'))
    expect(usage).toEqual({ prompt_tokens: 3, completion_tokens: 4, total_tokens: 7, estimated: true })
  })

  test('gets tool calls put together from their pieces', async () => {
    const { choices } = await gateway.client.chat.completions.create(ask('tools'))
    expect(choices[0]?.finish_reason).toBe('tool_calls')
    expect(choices[0]?.message.content).toBeNull()
    expect(choices[0]?.message.tool_calls).toEqual([
      { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"a":1}' } },
      { id: 'call_2', type: 'function', function: { name: 'find', arguments: '{}' } },
    ])
  })

  test('sends on what the client set, a bound on the answer, and no metadata', async () => {
    const completion = await gateway.client.chat.completions.create({
      ...ask('echo'),
      temperature: 0.5,
      stop: ['END'],
      max_completion_tokens: 50,
      metadata: { task: 'x' },
    })
    expect(JSON.parse(completion.choices[0]?.message.content ?? '')).toEqual({
      ...ask('echo'),
      temperature: 0.5,
      stop: ['END'],
      max_tokens: 50,
      stream: true,
      stream_options: { include_usage: true },
    })
    const unbounded = await gateway.client.chat.completions.create(ask('echo'))
    expect(JSON.parse(unbounded.choices[0]?.message.content ?? '')).toMatchObject({ max_tokens: 4096 })
  })
})

describe('an upstream that fails before its answer', () => {
  test.each([
    ['status-500', 502, 'upstream_failed'],
    ['status-503', 503, 'upstream_failed'],
    ['status-429', 429, 'rate_limit_exceeded'],
    ['status-404', 502, 'upstream_misconfigured'],
    ['html-502', 502, 'upstream_failed'],
    ['html', 502, 'upstream_invalid'],
    ['redirect', 502, 'upstream_misconfigured'],
    ['long-event', 502, 'upstream_invalid'],
    ['hang-headers', 504, 'upstream_timeout'],
    ['hang-first', 504, 'upstream_timeout'],
    ['comments', 504, 'upstream_timeout'],
  ])('%s is %i %s, streaming or not', async (model, status, code) => {
    for (const stream of [false, true]) {
      const error = await errorOf(gateway.client.chat.completions.create({ ...ask(model), stream }))
      expect(error).toMatchObject({ status, code })
      expect(error.requestID).toMatch(/^[0-9a-f-]{36}$/)
    }
  })

  test('a rate limit says when to come back', async () => {
    const error = await errorOf(gateway.client.chat.completions.create(ask('status-429')))
    expect(error.headers?.get('retry-after')).toBe('7')
    expect(error.message).toContain('slow down')
  })

  test('no upstream at all is 502 upstream_unreachable', async () => {
    const gone = await startBefore(upstream.url, ['ok'])
    await gone.close()
    const lonely = await startBefore(gone.url, ['ok'])
    const error = await errorOf(lonely.client.chat.completions.create(ask('ok')))
    expect(error).toMatchObject({ status: 502, code: 'upstream_unreachable' })
    expect(lonely.log.at(-1)?.cause).toContain('ECONNREFUSED')
    await lonely.close()
  })
})

describe('an upstream that fails in the middle of its answer', () => {
  test.each([
    ['cut', 'upstream_truncated'],
    ['no-done', 'upstream_truncated'],
    ['half-frame', 'upstream_truncated'],
    ['done-without-finish', 'upstream_truncated'],
    ['finish-abort', 'upstream_failed'],
    ['error-event', 'upstream_failed'],
    ['not-json', 'upstream_invalid'],
    ['bad-utf8', 'upstream_invalid'],
    ['hang-mid', 'upstream_timeout'],
  ])('%s ends in an error event (%s), without [DONE], and is no answer when not streaming', async (model, code) => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...ask(model), stream: true }),
    })
    const text = await response.text()
    expect(text).not.toContain('[DONE]')
    expect(text).not.toContain(KEY)
    const last = text.trimEnd().split('\n\n').at(-1) ?? ''
    expect(JSON.parse(last.replace('data: ', ''))).toMatchObject({ error: { code, type: 'upstream_error', param: null } })

    const { error } = await drain(await gateway.client.chat.completions.create({ ...ask(model), stream: true }))
    expect(error).toBeInstanceOf(APIError)
    expect(error).toMatchObject({ code })
    expect(await errorOf(gateway.client.chat.completions.create(ask(model)))).toMatchObject({ code })
  })

  test('the time between two tokens is what counts, not that from the first on', async () => {
    const { choices } = await gateway.client.chat.completions.create(ask('slow'))
    expect(choices[0]?.message.content).toBe(TEXT)
    const error = await errorOf(gateway.client.chat.completions.create(ask('hang-mid')))
    expect(error.message).toContain('waiting for its next token')
  })

  test('an answer without end is stopped, and the upstream with it', async () => {
    const before = upstream.count('closed endless')
    const error = await errorOf(gateway.client.chat.completions.create({ ...ask('endless'), max_tokens: 10 }))
    expect(error).toMatchObject({ status: 502, code: 'upstream_invalid' })
    await upstream.line('closed endless', before + 1)
  })
})

describe('a client that leaves', () => {
  test.each([
    ['hang-headers', false],
    ['hang-first', true],
    ['hang-mid', false],
    ['hang-mid', true],
  ])('aborts the upstream within 100 ms (%s, streaming: %s)', async (model, stream) => {
    const patient = await startBefore(upstream.url, ['ok', ...MODELS])
    const before = { call: upstream.count(`call ${model}`), closed: upstream.count(`closed ${model}`) }
    const abort = new AbortController()
    const call = patient.client.chat.completions
      .create({ ...ask(model), stream }, { signal: abort.signal })
      .catch((error: unknown) => error)
    await upstream.line(`call ${model}`, before.call + 1)
    if (stream && model === 'hang-mid') await call
    const left = performance.now()
    abort.abort()
    expect((await upstream.line(`closed ${model}`, before.closed + 1)) - left).toBeLessThan(100)
    await patient.close()
  })
})

describe('the key', () => {
  test.each(['echo-key-400', 'echo-key-401', 'echo-key-answer', 'error-event'])(
    'never reaches a client or the log (%s)',
    async (model) => {
      const seen: string[] = []
      for (const stream of [false, true]) {
        const response = await fetch(`${gateway.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ ...ask(model), stream }),
        })
        const text = await response.text()
        // What a reader of the stream would put together, besides the bytes themselves.
        const joined = [...text.matchAll(/"content":("(?:[^"\\]|\\.)*")/g)]
          .map(([, part]) => String(JSON.parse(part ?? '')))
          .join('')
        seen.push(text, joined, JSON.stringify([...response.headers]))
      }
      seen.push(JSON.stringify(gateway.log))
      for (const text of seen) {
        for (const form of [KEY, JSON.stringify(KEY).slice(1, -1), encodeURIComponent(KEY), 'secret', '0123456789abcdef']) {
          expect(text).not.toContain(form)
        }
      }
    },
  )

  test('leaves the rest of an answer and of an error as it was', async () => {
    const { choices } = await gateway.client.chat.completions.create(ask('echo-key-answer'))
    expect(choices[0]?.message.content).toBe('whole [redacted] cut [redacted] end')
    const error = await errorOf(gateway.client.chat.completions.create(ask('echo-key-400')))
    expect(error).toMatchObject({ status: 400, code: 'upstream_refused', param: 'temperature' })
    expect(error.message).toContain('your header was "Bearer [redacted]"')
  })
})
