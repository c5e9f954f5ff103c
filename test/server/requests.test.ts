import { request as httpRequest } from 'node:http'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { Provider } from '../../server/app.ts'
import { ask, errorOf, startTestGateway } from './support/gateway.ts'
import type { TestGateway } from './support/gateway.ts'

let calls = 0
const echo: Provider = {
  name: 'echo',
  models: () => ['echo-large', 'echo-small'],
  async *complete(request) {
    calls += 1
    yield { type: 'start', model: request.model }
    yield { type: 'delta', delta: { content: `${request.model} ${request.maxTokens} ${request.promptTokens}` } }
    yield { type: 'finish', reason: 'stop' }
  },
}

const LIMITS = { maxBodyBytes: 20_000, maxPromptTokens: 1000, maxOutputTokens: 100 }
let gateway: TestGateway

beforeAll(async () => {
  gateway = await startTestGateway({
    provider: echo,
    limits: LIMITS,
    allowedOrigins: ['https://app.example.com'],
    allowedHosts: ['127.0.0.1', 'localhost'],
  })
})

afterAll(() => gateway?.close())

interface Refusal {
  status: number
  error: { message: string; type: string; param: string | null; code: string }
}

async function post(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<Refusal> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
  const value: Omit<Refusal, 'status'> = JSON.parse(await response.text())
  return { ...value, status: response.status }
}

const postJson = (value: unknown): Promise<Refusal> => post(JSON.stringify(value))
const good = ask('echo-large')

describe('a request that is not one', () => {
  test.each([
    ['a number', 3, null, 'invalid_value'],
    ['no model', { messages: good.messages }, 'model', 'missing_parameter'],
    ['an empty model', { ...good, model: '' }, 'model', 'invalid_value'],
    ['no messages', { model: 'echo-large' }, 'messages', 'missing_parameter'],
    ['empty messages', { ...good, messages: [] }, 'messages', 'invalid_value'],
    ['a message without a role', { ...good, messages: [{ content: 'x' }] }, 'messages[0].role', 'missing_parameter'],
    [
      'an unknown role',
      { ...good, messages: [...good.messages, { role: 'boss', content: 'x' }] },
      'messages[1].role',
      'invalid_value',
    ],
    ['a number as content', { ...good, messages: [{ role: 'user', content: 3 }] }, 'messages[0].content', 'invalid_value'],
    [
      'a part without a type',
      { ...good, messages: [{ role: 'user', content: [{ text: 'x' }] }] },
      'messages[0].content',
      'invalid_value',
    ],
    ['a word for stream', { ...good, stream: 'yes' }, 'stream', 'invalid_value'],
    ['half a token', { ...good, max_tokens: 1.5 }, 'max_tokens', 'invalid_value'],
    ['no tokens', { ...good, max_completion_tokens: 0 }, 'max_completion_tokens', 'invalid_value'],
    ['too many tokens', { ...good, max_tokens: 101 }, 'max_tokens', 'max_tokens_exceeded'],
    ['too many tokens by the newer name', { ...good, max_completion_tokens: 101 }, 'max_completion_tokens', 'max_tokens_exceeded'],
    ['two answers', { ...good, n: 2 }, 'n', 'invalid_value'],
    ['too hot', { ...good, temperature: 3 }, 'temperature', 'invalid_value'],
    ['a number in metadata', { ...good, metadata: { task: 3 } }, 'metadata.task', 'invalid_value'],
    ['an unknown parameter', { ...good, api_base: 'http://evil.example' }, 'api_base', 'unknown_parameter'],
    ['too long a prompt', ask('echo-large', 'x'.repeat(4001)), 'messages', 'context_length_exceeded'],
    ['too long a tool', { ...good, tools: [{ type: 'function', d: 'x'.repeat(4001) }] }, 'messages', 'context_length_exceeded'],
  ])('%s is a 400 that names what is wrong', async (_case, body, param, code) => {
    const before = calls
    expect(await postJson(body)).toMatchObject({ status: 400, error: { param, code, type: 'invalid_request_error' } })
    expect(calls).toBe(before)
  })

  test('says that the length of a prompt is an estimate', async () => {
    const { error } = await postJson(ask('echo-large', 'x'.repeat(4001)))
    expect(error.message).toContain('about 1001 tokens (estimated at 4 characters a token)')
  })

  test('does not quote the request in its error', async () => {
    const { error } = await postJson({ ...good, messages: [{ role: 'my private text', content: 'x' }] })
    expect(error.message).not.toContain('private')
    expect((await post('{"my private text')).error.message).not.toContain('private')
  })

  test('of bytes that are not UTF-8, or text that is not JSON, is a 400', async () => {
    for (const body of ['', '{', 'null garbage', new Uint8Array([0x22, 0xff, 0x22])]) {
      expect(await post(body)).toMatchObject({ status: 400, error: { code: 'invalid_json' } })
    }
  })

  test('nested without end is a 400; brackets inside a text are not nesting', async () => {
    for (const open of ['[', '{"a":']) {
      expect(await post(open.repeat(3000))).toMatchObject({ status: 400, error: { code: 'invalid_json' } })
    }
    const deep = `${'['.repeat(9000)}${']'.repeat(9000)}`
    expect(await post(deep)).toMatchObject({ status: 400, error: { message: expect.stringContaining('64 levels') } })
    const { choices } = await gateway.client.chat.completions.create(ask('echo-large', `\\"${'['.repeat(3000)}`))
    expect(choices[0]?.finish_reason).toBe('stop')
  })

  test('with another content type is a 415: a form of another page cannot send it', async () => {
    expect(await post(JSON.stringify(good), { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
      error: { code: 'unsupported_media_type' },
    })
  })
})

describe('a body over the limit', () => {
  const large = JSON.stringify(ask('echo-large', 'x'.repeat(20_001)))

  test('is a 413 where its length is announced', async () => {
    expect(await post(large)).toMatchObject({
      status: 413,
      error: { code: 'body_too_large', message: expect.stringContaining('20000 bytes') },
    })
  })

  test('is a 413 where it comes in chunks without a length, long before its end', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const outgoing = httpRequest(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      })
      outgoing.on('response', (response) => {
        resolve(response.statusCode)
        outgoing.destroy()
      })
      outgoing.on('error', reject)
      // Never ended: only a gateway that counts as it reads can answer.
      outgoing.write(large.slice(0, 10_000))
      outgoing.write(large.slice(10_000))
    })
    expect(status).toBe(413)
  })

  test('leaves the gateway as it was', async () => {
    const { choices } = await gateway.client.chat.completions.create(good)
    expect(choices[0]?.message.content).toBe('echo-large 100 2')
  })
})

describe('models and routes', () => {
  test('an unknown model is a 404 with the names there are; `frontier` is the first of them', async () => {
    const error = await errorOf(gateway.client.chat.completions.create(ask('gpt-99')))
    expect(error).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' })
    expect(error.message).toContain(`'echo-large', 'echo-small', 'frontier'`)
    const { model } = await gateway.client.chat.completions.create(ask('frontier'))
    expect(model).toBe('echo-large')
    expect((await gateway.client.models.list()).data.map(({ id }) => id)).toEqual(['echo-large', 'echo-small', 'frontier'])
  })

  test('unknown routes and methods are errors of the same shape', async () => {
    for (const [method, path, status, code] of [
      ['GET', '/v1/embeddings', 404, 'not_found'],
      ['GET', '/v1/chat/completions', 405, 'method_not_allowed'],
      ['POST', '/healthz', 405, 'method_not_allowed'],
    ] as const) {
      const response = await fetch(`${gateway.url}${path}`, { method })
      expect(response.status).toBe(status)
      expect(await response.json()).toMatchObject({ error: { code, type: 'invalid_request_error' } })
    }
  })

  test('every response can be read by an isolated page of its origin, has an id, and is logged without its text', async () => {
    const response = await fetch(`${gateway.url}/healthz`)
    expect(response.headers.get('cross-origin-resource-policy')).toBe('same-origin')
    await gateway.client.chat.completions.create(ask('echo-large', 'my private text'))
    const entry = gateway.log.at(-1)
    expect(entry).toMatchObject({ level: 'info', method: 'POST', path: '/v1/chat/completions', status: 200, provider: 'echo' })
    expect(JSON.stringify(gateway.log)).not.toContain('private')
  })

  test('a provider that throws what nobody foresaw is a 500 that tells nothing', async () => {
    const failing = (): never => {
      throw new Error('inside story')
    }
    const provider: Provider = { ...echo, complete: failing }
    const broken = await startTestGateway({ provider })
    const error = await errorOf(broken.client.chat.completions.create(good))
    expect(error).toMatchObject({ status: 500, code: 'internal_error', type: 'server_error' })
    expect(error.message).not.toContain('inside story')
    expect(broken.log.at(-1)?.cause).toBe('inside story')
    await broken.close()
  })
})

describe('pages of other origins', () => {
  const send = (headers: Record<string, string>, method = 'POST'): Promise<Response> =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: method === 'POST' ? JSON.stringify(good) : null,
    })

  test('are refused before anything is paid for', async () => {
    const before = calls
    for (const origin of ['https://evil.example', 'null']) {
      const response = await send({ origin })
      expect(response.status).toBe(403)
      expect(response.headers.get('access-control-allow-origin')).toBeNull()
      expect(await response.json()).toMatchObject({ error: { code: 'origin_not_allowed' } })
    }
    expect(calls).toBe(before)
  })

  test('may call where they are on the list, preflight included', async () => {
    const origin = 'https://app.example.com'
    const preflight = await send(
      { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,idempotency-key' },
      'OPTIONS',
    )
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin)
    expect(preflight.headers.get('access-control-allow-headers')).toContain('idempotency-key')
    const response = await send({ origin })
    expect(response.status).toBe(200)
    expect(response.headers.get('access-control-allow-origin')).toBe(origin)
    expect(response.headers.get('access-control-expose-headers')).toContain('x-transaxle-provider')
  })

  test('of the own origin need no list', async () => {
    expect((await send({ origin: gateway.url })).status).toBe(200)
  })

  test('that reach it by another host name are refused (DNS rebinding)', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      httpRequest(`${gateway.url}/healthz`, { headers: { host: 'evil.example' } }, (response) => resolve(response.statusCode))
        .on('error', reject)
        .end()
    })
    expect(status).toBe(403)
  })
})
