import { createServer } from 'node:http'

import { getRequestListener } from '@hono/node-server'
import OpenAI, { APIError } from 'openai'
import { expect } from 'vitest'

import { createGateway, createOpenAiCompatible } from '../../../server/app.ts'
import type { GatewayOptions, LogEntry, OpenAiCompatibleOptions, UpstreamTimeouts } from '../../../server/app.ts'

/** Long enough that no other text is it by chance; with characters that JSON and URLs write differently. */
export const KEY = 'sk-"secret"/+key\\0123456789abcdef'

export interface TestGateway {
  readonly url: string
  readonly client: OpenAI
  readonly log: LogEntry[]
  close(): Promise<void>
}

/** A gateway on a real HTTP server on loopback, in this process. */
export async function startTestGateway(options: GatewayOptions): Promise<TestGateway> {
  const log: LogEntry[] = []
  const app = createGateway({ log: (entry) => log.push(entry), ...options })
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  const server = createServer((incoming, outgoing) => void listener(incoming, outgoing))
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  return {
    url,
    client: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 0 }),
    log,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

/** A gateway in front of an upstream, its scripts as models. */
export function startBefore(
  upstream: string,
  models: readonly [string, ...string[]],
  timeouts: Partial<UpstreamTimeouts> = {},
  options: Partial<GatewayOptions> = {},
  upstreamOptions: Partial<OpenAiCompatibleOptions> = {},
): Promise<TestGateway> {
  const provider = createOpenAiCompatible({
    baseUrl: `${upstream}/v1`,
    apiKey: KEY,
    models,
    maxTokensField: 'max_tokens',
    timeouts,
    fetch,
    ...upstreamOptions,
  })
  return startTestGateway({ provider, ...options })
}

export const ask = (model: string, content = 'hello'): { model: string; messages: { role: 'user'; content: string }[] } => ({
  model,
  messages: [{ role: 'user', content }],
})

/** What the call was refused with; fails if it was not. */
export async function errorOf(call: Promise<unknown>): Promise<InstanceType<typeof APIError>> {
  try {
    await call
  } catch (thrown) {
    if (thrown instanceof APIError) return thrown
    throw thrown
  }
  return expect.fail('the call succeeded')
}

/** A stream's text, and the error it ended with. */
export async function drain(
  stream: AsyncIterable<OpenAI.ChatCompletionChunk>,
): Promise<{ text: string; error: unknown; chunks: OpenAI.ChatCompletionChunk[] }> {
  const chunks: OpenAI.ChatCompletionChunk[] = []
  let text = ''
  try {
    for await (const chunk of stream) {
      chunks.push(chunk)
      text += chunk.choices[0]?.delta.content ?? ''
    }
  } catch (error) {
    return { text, error, chunks }
  }
  return { text, error: undefined, chunks }
}
