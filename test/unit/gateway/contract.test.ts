import { serve } from '@hono/node-server'
import type { AddressInfo } from 'node:net'

import { ApiError, createGateway } from '../../../server/app.ts'
import type { Chunk, Provider } from '../../../server/app.ts'
import { GatewayClient } from '../../../src/gateway/client.ts'
import type { FrontierScript } from '../../contract/frontier.ts'
import { describeFrontier } from '../../contract/frontier.ts'
import { answer, frame, openStream, OPENING, refuse, ScriptedServer, writeApart } from './scripted-server.ts'

const NOBODY = 'http://127.0.0.1:1'

describeFrontier('gateway client against a scripted server', async ({ texts, end }) => {
  const server = await ScriptedServer.start()
  server.handler = async (response, { url }) => {
    if (url === '/healthz') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    } else if (end === 'finish') {
      answer(response, texts)
    } else if (texts.length > 0) {
      openStream(response)
      await writeApart(response, [OPENING, ...texts.map((content) => frame({ content }))])
      if (end === 'fail') response.destroy()
    } else if (end === 'fail') {
      refuse(response, 503, { message: 'scripted', code: 'upstream_failed' })
    }
  }
  const frontier = new GatewayClient({ url: `${end === 'down' ? NOBODY : server.origin}/v1`, fetch })
  return { frontier, close: () => server.stop() }
})

describeFrontier('gateway client against the gateway', async (script) => {
  const app = createGateway({ provider: scriptedProvider(script) })
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 })
  await new Promise((resolve) => server.once('listening', resolve))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
  const { port } = server.address() as AddressInfo
  const frontier = new GatewayClient({ url: `${script.end === 'down' ? NOBODY : `http://127.0.0.1:${port}`}/v1`, fetch })
  const close = async (): Promise<void> => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { frontier, close }
})

function scriptedProvider({ texts, end }: FrontierScript): Provider {
  return {
    name: 'scripted',
    models: () => ['scripted-1'],
    async *complete(_request, signal): AsyncGenerator<Chunk> {
      if (texts.length > 0) yield { type: 'start', model: 'scripted-1' }
      for (const content of texts) yield { type: 'delta', delta: { content } }
      if (end === 'fail') throw new ApiError(502, 'upstream_failed', 'scripted')
      if (end === 'silence') await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      yield {
        type: 'finish',
        reason: 'stop',
        usage: { prompt_tokens: 1, completion_tokens: texts.length, total_tokens: 1 + texts.length },
      }
    },
  }
}
