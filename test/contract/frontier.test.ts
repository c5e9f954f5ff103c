import { expect, test } from 'vitest'

import { GatewayError } from '../../src/errors/gateway-error.ts'
import { GatewayClient } from '../../src/gateway/client.ts'
import { fakeFrontier } from '../../src/testing/index.ts'
import type { FrontierScript } from './frontier.ts'
import { describeFrontier } from './frontier.ts'

describeFrontier('fake frontier', ({ texts, end }) => {
  let given = 0
  const frontier = fakeFrontier({
    offline: end === 'down',
    delay: 1,
    // Silence: one more word is on its way, and never comes.
    sleep: () => (end === 'silence' && ++given > texts.length ? new Promise(() => undefined) : Promise.resolve()),
    respond: () => ({
      text: [...texts, ...(end === 'silence' ? [' never'] : [])].join(''),
      failWith: end === 'fail' ? new GatewayError('gateway-failed', 'scripted', { retryable: true }) : undefined,
    }),
  })
  return { frontier, close: () => undefined }
})

describeFrontier('gateway client over a scripted fetch, in the browser', (script) => {
  const frontier = new GatewayClient({ url: '/v1', fetch: scriptedFetch(script) })
  return { frontier, close: () => undefined }
})

test('gateway client over the browser’s own fetch', async () => {
  const page = new GatewayClient({
    url: '/nothing-here/v1',
    fetch,
    healthUrl: '/models/HuggingFaceTB/SmolLM2-135M-Instruct/config.json',
  })
  expect(await page.probe()).toBe(true)
  const parts = []
  for await (const part of page.complete({ idempotencyKey: 'k', messages: [], maxTokens: 1 })) parts.push(part)
  expect(parts).toMatchObject([{ type: 'error', error: { code: 'gateway-refused', details: { status: 404 } } }])
})

/** A fetch that is answered in the page: real `Response`, real streams, no network. It heeds its signal only where it streams. */
function scriptedFetch({ texts, end }: FrontierScript): typeof fetch {
  return (input, init) => {
    if (end === 'down') return Promise.reject(new TypeError('Failed to fetch'))
    const { pathname } = new URL(input instanceof Request ? input.url : input, location.href)
    if (pathname === '/healthz') return Promise.resolve(Response.json({ status: 'ok' }))
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const send = (data: unknown): void =>
          controller.enqueue(new TextEncoder().encode(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`))
        const chunk = (delta: object, finish_reason: string | null): void =>
          send({ model: 'm', choices: [{ index: 0, delta, finish_reason }] })
        init?.signal?.addEventListener('abort', () => controller.error(init.signal?.reason), { once: true })
        if (texts.length > 0) chunk({ role: 'assistant', content: '' }, null)
        for (const content of texts) chunk({ content }, null)
        if (end === 'silence') return
        if (end === 'fail') {
          send({ error: { message: 'scripted', type: 'server_error', code: 'upstream_failed' } })
        } else {
          chunk({}, 'stop')
          send({ model: 'm', choices: [], usage: { prompt_tokens: 1, completion_tokens: texts.length } })
          send('[DONE]')
        }
        controller.close()
      },
    })
    return Promise.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }))
  }
}
