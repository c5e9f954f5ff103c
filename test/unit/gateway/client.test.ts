import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'

import type { FrontierCallOptions, FrontierRequest } from '../../../src/contracts/frontier.ts'
import type { Part } from '../../../src/contracts/part.ts'
import type { GatewayOptions } from '../../../src/gateway/client.ts'
import { GatewayClient } from '../../../src/gateway/client.ts'
import { answer, DONE, frame, openStream, OPENING, refuse, ScriptedServer, USAGE, writeApart } from './scripted-server.ts'

let server: ScriptedServer
beforeAll(async () => {
  server = await ScriptedServer.start()
})
beforeEach(() => {
  server.received.length = 0
})
afterAll(() => server.stop())

const REQUEST: FrontierRequest = {
  idempotencyKey: 'key-1',
  messages: [{ role: 'user', content: 'My secret parcel number is 4711-0815, grüße' }],
  maxTokens: 64,
}

function client(options: Partial<GatewayOptions> = {}): GatewayClient {
  return new GatewayClient({ url: `${server.origin}/v1`, fetch, ...options })
}

async function ask(options: Partial<GatewayOptions> = {}, call: FrontierCallOptions = {}, request = REQUEST): Promise<Part[]> {
  const parts: Part[] = []
  for await (const part of client(options).complete(request, call)) parts.push(part)
  return parts
}

function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (part.type === 'delta' ? part.text : '')).join('')
}

function errorOf(parts: readonly Part[]) {
  const last = parts.at(-1)
  if (last?.type !== 'error') throw new Error(`Expected an error part, got ${JSON.stringify(last)}.`)
  return last.error
}

describe('a whole answer', () => {
  test('is start, deltas, finish, each with its source', async () => {
    server.handler = (response) => answer(response, ['Hello', ' there'])
    const source = { where: 'frontier', model: 'upstream-model' }
    expect(await ask()).toEqual([
      { type: 'start', source, id: 'key-1' },
      { type: 'delta', source, text: 'Hello' },
      { type: 'delta', source, text: ' there' },
      { type: 'finish', source, reason: 'stop', usage: { promptTokens: 7, completionTokens: 3 } },
    ])
  })

  test('the request is OpenAI-shaped, with its key, schema and token', async () => {
    server.handler = (response) => answer(response, ['{}'])
    const schema = { type: 'object', properties: {} }
    await ask(
      { headers: async () => ({ authorization: 'Bearer t' }), url: `${server.origin}/v1/` },
      {},
      { ...REQUEST, schema, metadata: { task: 'draft' } },
    )
    expect(server.received).toHaveLength(1)
    expect(server.received[0]).toMatchObject({
      method: 'POST',
      url: '/v1/chat/completions',
      headers: {
        'idempotency-key': 'key-1',
        authorization: 'Bearer t',
        'content-type': 'application/json',
        accept: 'text/event-stream',
      },
    })
    expect(server.received[0]?.body).toEqual({
      model: 'frontier',
      messages: REQUEST.messages,
      max_tokens: 64,
      stream: true,
      stream_options: { include_usage: true },
      metadata: { task: 'draft' },
      response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } },
    })
  })

  test('bytes are counted both ways', async () => {
    let sent = 0
    server.handler = (response) => {
      const body = OPENING + frame({ content: 'grüße' }) + frame({}, 'stop') + USAGE + DONE
      sent = Buffer.byteLength(body)
      openStream(response)
      response.end(body)
    }
    const exchange = { bytesSent: 0, bytesReceived: 0 }
    for await (const part of client().complete(REQUEST, {}, exchange)) expect(part.type).not.toBe('error')
    expect(exchange).toEqual({ bytesSent: server.received[0]?.bytes, bytesReceived: sent })
  })

  test.each([
    ['length', 'length'],
    ['content_filter', 'content-filter'],
    ['tool_calls', 'tool-calls'],
  ])('finish_reason %s is %s', async (wire, reason) => {
    server.handler = (response) => answer(response, ['x'], wire)
    expect((await ask()).at(-1)).toMatchObject({ type: 'finish', reason })
  })

  test('a refusal of the model is a content filter', async () => {
    server.handler = (response) => {
      openStream(response)
      response.end(OPENING + frame({ refusal: 'I cannot.' }) + frame({}, 'stop') + DONE)
    }
    expect((await ask()).at(-1)).toMatchObject({ type: 'finish', reason: 'content-filter' })
  })

  test('split in every byte: inside UTF-8, inside a frame, inside a line end', async () => {
    const bytes = Buffer.from(`: keep-alive\r\n\r\n${OPENING}${frame({ content: 'grüße 🚚' })}${frame({}, 'stop')}${DONE}`)
    server.handler = async (response) => {
      openStream(response)
      await writeApart(
        response,
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
      )
      response.end()
    }
    const parts = await ask()
    expect(textOf(parts)).toBe('grüße 🚚')
    expect(parts.at(-1)?.type).toBe('finish')
  })
})

describe('a stream that is cut', () => {
  test.each<[string, string]>([
    ['without [DONE], even with a finish_reason', OPENING + frame({ content: 'Hi' }) + frame({}, 'stop')],
    ['after half a frame', OPENING + frame({ content: 'Hi' }) + 'data: {"choices":[{"del'],
    ['by [DONE] without a finish_reason', OPENING + frame({ content: 'Hi' }) + DONE],
  ])('%s', async (_name, body) => {
    server.handler = (response) => {
      openStream(response)
      response.end(body)
    }
    const parts = await ask()
    expect(parts.map(({ type }) => type)).not.toContain('finish')
    expect(errorOf(parts)).toMatchObject({ code: 'stream-truncated', retryable: true })
  })

  test('with no body at all', async () => {
    server.handler = (response) => {
      openStream(response)
      response.end()
    }
    expect(errorOf(await ask())).toMatchObject({ code: 'stream-truncated' })
  })

  test('by a broken connection: what came is kept, then an error', async () => {
    server.handler = async (response) => {
      openStream(response)
      await writeApart(response, [OPENING + frame({ content: 'Hi' })])
      response.destroy()
    }
    const parts = await ask()
    expect(parts.slice(0, -1).map(({ type }) => type)).not.toContain('error')
    expect(errorOf(parts)).toMatchObject({ code: 'stream-truncated', retryable: true })
  })
})

describe('a gateway that errs', () => {
  test('401: refused, with status and code, not retryable', async () => {
    server.handler = (response) =>
      refuse(response, 401, { message: 'Incorrect API key.', type: 'invalid_request_error', code: 'invalid_api_key' })
    const parts = await ask()
    expect(parts).toHaveLength(1)
    expect(errorOf(parts)).toMatchObject({
      code: 'gateway-refused',
      retryable: false,
      details: { status: 401, code: 'invalid_api_key' },
    })
    expect(errorOf(parts).message).toContain('Incorrect API key.')
  })

  test('a message that quotes the request is left out', async () => {
    server.handler = (response) => refuse(response, 400, { message: 'Bad input near "parcel number is 4711-0815"', code: 'bad' })
    const error = errorOf(await ask())
    expect(error.details).toEqual({ status: 400, code: 'bad' })
    expect(JSON.stringify(error)).not.toContain('4711')
  })

  test.each([
    ['2', 2000],
    [new Date(1_700_000_003_000).toUTCString(), 3000],
    ['soon', undefined],
  ])('429 with Retry-After %s', async (header, retryAfter) => {
    server.handler = (response) =>
      refuse(response, 429, { message: 'Slow down.', code: 'rate_limit_exceeded' }, { 'retry-after': header })
    const error = errorOf(await ask({ now: () => 1_700_000_000_000 }))
    expect(error).toMatchObject({ code: 'gateway-refused', retryable: true, details: { status: 429 } })
    expect(error.details?.['retryAfter']).toBe(retryAfter)
  })

  test('500, and a body of HTML', async () => {
    server.handler = (response) => {
      response.writeHead(502, { 'content-type': 'text/html' })
      response.end('<h1>Bad gateway</h1>')
    }
    expect(errorOf(await ask())).toMatchObject({ code: 'gateway-failed', retryable: true, details: { status: 502 } })
  })

  test('200 with a page: not a gateway', async () => {
    server.handler = (response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end('<h1>Log in to the network</h1>')
    }
    expect(errorOf(await ask())).toMatchObject({ code: 'gateway-failed', details: { contentType: 'text/html' } })
    expect(await client().probe()).toBe(false)
  })

  test.each([
    ['server_error', 'gateway-failed', true],
    ['upstream_error', 'gateway-failed', true],
    ['invalid_request_error', 'gateway-refused', false],
    ['rate_limit_error', 'gateway-refused', true],
  ])('an error object in the stream, %s', async (type, code, retryable) => {
    server.handler = (response) => {
      openStream(response)
      response.end(
        `${OPENING}${frame({ content: 'Hi' })}data: ${JSON.stringify({ error: { message: 'x', type, code: 'why' } })}\n\n${DONE}`,
      )
    }
    const parts = await ask()
    expect(textOf(parts)).toBe('Hi')
    expect(errorOf(parts)).toMatchObject({ code, retryable, details: { code: 'why' } })
  })

  test('a frame that is not JSON, and an unknown finish_reason', async () => {
    server.handler = (response) => {
      openStream(response)
      response.end(`${OPENING}data: nonsense\n\n${DONE}`)
    }
    expect(errorOf(await ask())).toMatchObject({ code: 'gateway-failed' })
    server.handler = (response) => answer(response, ['x'], 'eaten_by_dog')
    expect(errorOf(await ask())).toMatchObject({ code: 'gateway-failed', details: { finishReason: 'eaten_by_dog' } })
  })

  test('nobody there', async () => {
    const parts = await ask({ url: 'http://127.0.0.1:1/v1' })
    expect(errorOf(parts)).toMatchObject({ code: 'network', retryable: true })
    expect(await client({ url: 'http://127.0.0.1:1/v1' }).probe()).toBe(false)
  })

  test('headers that cannot be had', async () => {
    const parts = await ask({ headers: () => Promise.reject(new Error('token endpoint is down')) })
    expect(errorOf(parts)).toMatchObject({ code: 'gateway-failed', retryable: true, cause: { message: 'token endpoint is down' } })
    expect(server.received).toHaveLength(0)
  })
})

describe('time and abort', () => {
  test('a hang before the headers is a timeout, and the request is ended', async () => {
    server.handler = () => undefined
    const parts = await ask({}, { firstTokenTimeout: 50 })
    expect(errorOf(parts)).toMatchObject({ code: 'timeout', retryable: true, details: { milliseconds: 50 } })
    await server.left
  })

  test('headers() that hang are bounded by the same timeout', async () => {
    const parts = await ask({ headers: () => new Promise(() => undefined) }, { firstTokenTimeout: 50 })
    expect(errorOf(parts)).toMatchObject({ code: 'timeout' })
  })

  test('a hang mid-stream is an idle timeout, keep-alive comments or not', async () => {
    let comments: ReturnType<typeof setInterval> | undefined
    server.handler = async (response) => {
      openStream(response)
      await writeApart(response, [OPENING + frame({ content: 'Hi' })])
      comments = setInterval(() => response.write(': keep-alive\n\n'), 10)
    }
    const parts = await ask({}, { idleTimeout: 60 })
    clearInterval(comments)
    expect(textOf(parts)).toBe('Hi')
    expect(errorOf(parts)).toMatchObject({ code: 'timeout', details: { milliseconds: 60 } })
    await server.left
  })

  test('a fetch that heeds no signal does not hang the call', async () => {
    const parts = await ask({ fetch: () => new Promise(() => undefined) }, { firstTokenTimeout: 30 })
    expect(errorOf(parts)).toMatchObject({ code: 'timeout' })
  })

  test('a slow reader of parts is no idle stream', async () => {
    server.handler = (response) => answer(response, ['a', 'b', 'c'])
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const parts: Part[] = []
    try {
      for await (const part of client().complete(REQUEST, { firstTokenTimeout: 1_000, idleTimeout: 1_000 })) {
        parts.push(part)
        vi.advanceTimersByTime(5_000)
      }
    } finally {
      vi.useRealTimers()
    }
    expect(parts.at(-1)?.type).toBe('finish')
  })

  test('an abort before, while waiting, and mid-stream is thrown', async () => {
    server.handler = async (response) => {
      openStream(response)
      await writeApart(response, [OPENING + frame({ content: 'Hi' })])
    }
    await expect(ask({}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError', code: 'aborted' })
    expect(server.received).toHaveLength(0)

    const caller = new AbortController()
    const parts: Part[] = []
    const run = async (): Promise<void> => {
      for await (const part of client().complete(REQUEST, { signal: caller.signal })) {
        parts.push(part)
        if (part.type === 'delta') caller.abort()
      }
    }
    await expect(run()).rejects.toMatchObject({ name: 'AbortError' })
    expect(textOf(parts)).toBe('Hi')
    await server.left

    const waiting = new AbortController()
    server.handler = () => waiting.abort()
    await expect(ask({}, { signal: waiting.signal })).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('leaving the loop ends the request', async () => {
    server.handler = async (response) => {
      openStream(response)
      await writeApart(response, [OPENING + frame({ content: 'Hi' })])
    }
    for await (const part of client().complete(REQUEST)) {
      if (part.type === 'delta') break
    }
    await server.left
  })
})

describe('probe', () => {
  test('asks the health check beside the API', async () => {
    server.handler = (response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end('{}')
    }
    expect(await client().probe()).toBe(true)
    expect(server.received[0]).toMatchObject({ method: 'GET', url: '/healthz' })
    expect(await client({ healthUrl: `${server.origin}/up` }).probe()).toBe(true)
    expect(server.received[1]).toMatchObject({ url: '/up' })
  })

  test('a failing or hanging one is false, an abort is thrown', async () => {
    server.handler = (response) => refuse(response, 503, {})
    expect(await client().probe()).toBe(false)
    server.handler = () => undefined
    expect(await client({ probeTimeout: 30 }).probe()).toBe(false)
    await server.left
    const caller = new AbortController()
    server.handler = () => caller.abort()
    await expect(client().probe(caller.signal)).rejects.toMatchObject({ name: 'AbortError' })
  })
})
