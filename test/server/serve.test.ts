import { readFileSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { ConfigError, readConfig } from '../../server/config.ts'
import { readInbox } from '../../server/providers/inbox.ts'
import { drain, errorOf, KEY, startBefore } from './support/gateway.ts'
import type { TestGateway } from './support/gateway.ts'
import { startChild } from './support/processes.ts'
import type { Child } from './support/processes.ts'

const file: unknown = JSON.parse(readFileSync(new URL('../../public/data/inbox.json', import.meta.url), 'utf8'))
const [message] = readInbox(file).messages
if (message === undefined) throw new Error('the inbox is empty')
const draft = {
  model: 'answer-key',
  messages: [{ role: 'user' as const, content: `Subject: ${message.subject}\n\n${message.body}` }],
  metadata: { task: 'draft' },
}

describe('the gateway in front of another gateway, in a second process', () => {
  let answerKey: Child
  let gateway: TestGateway

  beforeAll(async () => {
    answerKey = await startChild('server/serve.ts', { PORT: '0' })
    gateway = await startBefore(answerKey.url, ['answer-key'], {}, {}, { forwardMetadata: true })
  })

  afterAll(async () => {
    await gateway?.close()
    await answerKey?.stop()
  })

  test('hands its answer on, streaming and not', async () => {
    const { data, response } = await gateway.client.chat.completions.create(draft).withResponse()
    expect(response.headers.get('x-transaxle-provider')).toBe('openai-compatible')
    expect(data).toMatchObject({ model: 'answer-key', system_fingerprint: 'answer-key', usage: { estimated: true } })
    expect(data.choices[0]?.message.content).toBe(message.reference.reply)
    const { text, error } = await drain(await gateway.client.chat.completions.create({ ...draft, stream: true }))
    expect(error).toBeUndefined()
    expect(text).toBe(message.reference.reply)
  })

  test('hands its refusal on', async () => {
    const error = await errorOf(
      gateway.client.chat.completions.create({ ...draft, messages: [{ role: 'user', content: 'What is the weather?' }] }),
    )
    expect(error).toMatchObject({ status: 422, code: 'upstream_refused' })
    expect(error.message).toContain('FRONTIER_BASE_URL')
  })
})

describe('the program', () => {
  test('listens on loopback, says who answers, logs one line a request, and ends on SIGTERM', async () => {
    const child = await startChild('server/serve.ts', {
      PORT: '0',
      FRONTIER_BASE_URL: 'http://127.0.0.1:9/v1',
      FRONTIER_API_KEY: KEY,
      FRONTIER_MODEL: 'm',
    })
    expect(child.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const response = await fetch(`${child.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...draft, model: 'm' }),
    })
    expect(response.status).toBe(502)
    expect(await child.stop()).toBe(0)
    const lines = child.output().trimEnd().split('\n')
    expect(lines[0]).toBe(`transaxle-gateway listens on ${child.url}; 127.0.0.1:9 answers`)
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({
      level: 'error',
      status: 502,
      code: 'upstream_unreachable',
      path: '/v1/chat/completions',
    })
    for (const form of [KEY, JSON.stringify(KEY).slice(1, -1), message.subject]) expect(child.output()).not.toContain(form)
  })

  test('lets an open answer end before it ends itself', async () => {
    const child = await startChild('server/serve.ts', { PORT: '0', ANSWER_KEY_LATENCY_MS: '20' })
    const response = await fetch(`${child.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...draft, stream: true }),
    })
    const stopped = child.stop()
    expect((await response.text()).endsWith('data: [DONE]\n\n')).toBe(true)
    const ended = performance.now()
    expect(await stopped).toBe(0)
    // Not held up by the connection that this client keeps open.
    expect(performance.now() - ended).toBeLessThan(1000)
  })

  test('cuts answers that outlast the grace time', async () => {
    const child = await startChild('server/serve.ts', { PORT: '0', ANSWER_KEY_LATENCY_MS: '60000', SHUTDOWN_GRACE_MS: '50' })
    const call = fetch(`${child.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(draft),
    }).then(
      () => 'answered',
      () => 'cut',
    )
    await fetch(`${child.url}/healthz`)
    const code = await child.stop()
    expect(await call).toBe('cut')
    expect(code).toBe(0)
  })

  test('does not start on settings it cannot use, and says which', async () => {
    await expect(startChild('server/serve.ts', { PORT: 'http', FRONTIER_API_KEY: KEY })).rejects.toThrow(
      /code 1:.*PORT must be a whole number\./s,
    )
    await expect(startChild('server/serve.ts', { PORT: '0', ANSWER_KEY: '/nowhere.json' })).rejects.toThrow(
      /no answer key at '\/nowhere.json'/,
    )
  })
})

describe('settings', () => {
  test('have defaults that need no environment', () => {
    expect(readConfig({ FRONTIER_API_KEY: '' })).toMatchObject({
      host: '127.0.0.1',
      port: 8787,
      frontier: undefined,
      answerKey: { path: 'public/data/inbox.json', latency: 0 },
      allowedOrigins: [],
      allowedHosts: ['localhost', '127.0.0.1', '[::1]'],
    })
  })

  test('describe an upstream', () => {
    const env = { FRONTIER_BASE_URL: 'https://api.openai.com/v1', FRONTIER_API_KEY: 'k', FRONTIER_MODEL: 'big, small' }
    expect(readConfig(env).frontier).toMatchObject({
      models: ['big', 'small'],
      maxTokensField: 'max_completion_tokens',
      forwardMetadata: false,
    })
    const local = {
      ...env,
      FRONTIER_BASE_URL: 'http://localhost:11434/v1',
      FRONTIER_METADATA: 'forward',
      FRONTIER_IDLE_TIMEOUT_MS: '5',
    }
    expect(readConfig(local).frontier).toMatchObject({ maxTokensField: 'max_tokens', forwardMetadata: true, timeouts: { idle: 5 } })
  })

  test('open to other hosts only where told', () => {
    expect(readConfig({ HOST: '0.0.0.0' }).allowedHosts).toBeUndefined()
    expect(readConfig({ HOST: '0.0.0.0', ALLOWED_HOSTS: 'a.example,b.example' }).allowedHosts).toEqual(['a.example', 'b.example'])
  })

  test.each([
    [{ FRONTIER_API_KEY: 'topsecret' }, 'FRONTIER_API_KEY is set but FRONTIER_BASE_URL is not'],
    [{ FRONTIER_BASE_URL: 'http://a/v1' }, 'FRONTIER_BASE_URL is set but FRONTIER_MODEL is not'],
    [{ FRONTIER_BASE_URL: 'ftp://a', FRONTIER_MODEL: 'm' }, 'FRONTIER_BASE_URL must be an http or https URL'],
    [{ FRONTIER_BASE_URL: 'http://user:topsecret@a/v1', FRONTIER_MODEL: 'm' }, 'FRONTIER_BASE_URL must be'],
    [
      { FRONTIER_BASE_URL: 'http://a/v1', FRONTIER_MODEL: 'm', FRONTIER_API_KEY: 'topsecret\n' },
      'FRONTIER_API_KEY must be printable',
    ],
    [{ PORT: '70000' }, 'PORT must be at most 65535'],
    [{ MAX_BODY_BYTES: '0' }, 'MAX_BODY_BYTES must be at least 1'],
    [{ ALLOWED_ORIGINS: '*' }, 'ALLOWED_ORIGINS must be origins'],
    [{ ALLOWED_ORIGINS: 'https://a.example/path' }, 'ALLOWED_ORIGINS must be origins'],
  ])('%j is an error: %s', (env, said) => {
    const read = (): unknown => readConfig(env)
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(said)
    expect(read).not.toThrow(/topsecret/)
  })

  test('at fault are all named at once', () => {
    expect(() => readConfig({ PORT: 'x', MAX_BODY_BYTES: 'y' })).toThrow(/PORT .*\nMAX_BODY_BYTES /)
  })
})
