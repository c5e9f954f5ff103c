import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { build, createServer, preview } from 'vite'

import { gatewayPlugin } from '../../scripts/gateway-plugin.ts'
import { readInbox } from '../../server/providers/inbox.ts'
import { drain } from './support/gateway.ts'
import { startChild } from './support/processes.ts'
import type { Child } from './support/processes.ts'

const inboxPath = new URL('../../public/data/inbox.json', import.meta.url).pathname
const file: unknown = JSON.parse(readFileSync(inboxPath, 'utf8'))
const [message] = readInbox(file).messages
if (message === undefined) throw new Error('the inbox is empty')

interface Site {
  readonly url: string
  close(): Promise<void>
}

let root = ''
let upstream: Child
const env = { ANSWER_KEY: inboxPath }

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'transaxle-site-'))
  writeFileSync(join(root, 'index.html'), '<!doctype html><title>site</title><p>a page of its own</p>')
  upstream = await startChild('test/server/support/scripted-upstream.ts')
  await build({ root, configFile: false, logLevel: 'silent' })
})

afterAll(async () => {
  await upstream?.stop()
  rmSync(root, { recursive: true, force: true })
})

const base = { configFile: false, logLevel: 'silent' } as const

async function startDev(settings: Record<string, string>): Promise<Site> {
  const server = await createServer({
    ...base,
    root,
    plugins: [gatewayPlugin({ env: settings })],
    server: { host: '127.0.0.1', port: 0, ws: false },
  })
  await server.listen()
  return { url: server.resolvedUrls?.local[0]?.replace(/\/$/, '') ?? '', close: () => server.close() }
}

async function startPreview(settings: Record<string, string>): Promise<Site> {
  const server = await preview({
    ...base,
    root,
    plugins: [gatewayPlugin({ env: settings })],
    preview: { host: '127.0.0.1', port: 0 },
  })
  return { url: server.resolvedUrls?.local[0]?.replace(/\/$/, '') ?? '', close: () => server.close() }
}

describe.each([
  ['dev', startDev],
  ['preview', startPreview],
] as const)("on Vite's %s server", (_name, start) => {
  test('the gateway and the page share an origin', async () => {
    const site = await start(env)
    expect(await (await fetch(site.url)).text()).toContain('a page of its own')
    expect(await (await fetch(`${site.url}/healthz`)).json()).toMatchObject({ status: 'ok', provider: 'answer-key' })

    const client = new OpenAI({ baseURL: `${site.url}/v1`, apiKey: 'unused', defaultHeaders: { origin: site.url } })
    const stream = await client.chat.completions.create({
      model: 'frontier',
      messages: [{ role: 'user', content: `Subject: ${message.subject}\n\n${message.body}` }],
      metadata: { task: 'draft' },
      stream: true,
    })
    expect((await drain(stream)).text).toBe(message.reference.reply)
    await site.close()
  })

  test('streams come as they are made, compression asked for or not, and a client that leaves aborts the upstream', async () => {
    const site = await start({ FRONTIER_BASE_URL: `${upstream.url}/v1`, FRONTIER_MODEL: 'hang-mid' })
    const before = upstream.count('closed hang-mid')
    const abort = new AbortController()
    const response = await fetch(`${site.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'accept-encoding': 'gzip, br' },
      body: JSON.stringify({ model: 'hang-mid', messages: [{ role: 'user', content: 'x' }], stream: true }),
      signal: abort.signal,
    })
    expect(response.headers.get('content-encoding')).toBeNull()
    expect(response.headers.get('cross-origin-resource-policy')).toBe('same-origin')
    // The upstream never ends this answer: what is read here was not held back.
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('half')) text += (await reader?.read())?.value ?? expect.fail('the stream ended')
    const left = performance.now()
    abort.abort()
    expect((await upstream.line('closed hang-mid', before + 1)) - left).toBeLessThan(100)
    await site.close()
  })
})

test('other paths that begin alike stay with Vite', async () => {
  const site = await startDev(env)
  const response = await fetch(`${site.url}/v1x`, { headers: { accept: 'text/html' } })
  expect(response.headers.get('x-transaxle-provider')).toBeNull()
  await site.close()
})

test('a new answer key is taken up while the dev server runs', async () => {
  const path = join(root, 'inbox.json')
  const reference = { intent: 'a', fields: { name: null, order_id: null, product: null }, reply: 'old' }
  const write = (reply: string): void =>
    writeFileSync(
      path,
      JSON.stringify({
        version: 1,
        shop: { name: 's' },
        messages: [{ id: '1', subject: 'Hi', body: 'There', reference: { ...reference, reply } }],
      }),
    )
  write('old')
  const site = await startDev({ ANSWER_KEY: path })
  const client = new OpenAI({ baseURL: `${site.url}/v1`, apiKey: 'unused' })
  const reply = async (): Promise<string | null | undefined> => {
    const answer = await client.chat.completions.create({
      model: 'frontier',
      messages: [{ role: 'user', content: 'Subject: Hi\n\nThere' }],
      metadata: { task: 'draft' },
    })
    return answer.choices[0]?.message.content
  }
  expect(await reply()).toBe('old')
  write('new')
  await expect.poll(reply, { timeout: 10_000 }).toBe('new')
  await site.close()
})
