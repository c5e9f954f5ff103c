import { readFileSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'

import { getRequestListener } from '@hono/node-server'

import { createAnswerKey, createGateway, createOpenAiCompatible } from './app.ts'
import type { GatewayOptions, LogEntry, Provider } from './app.ts'
import { ConfigError } from './config.ts'
import type { GatewayConfig } from './config.ts'

export type NodeListener = (incoming: IncomingMessage, outgoing: ServerResponse) => void

/**
 * The provider that the settings name: the upstream, or else the answer key, whose file is read here.
 *
 * @throws ConfigError where there is neither
 */
function createProvider({ frontier, answerKey }: GatewayConfig): Provider {
  if (frontier !== undefined) return createOpenAiCompatible({ ...frontier, fetch })
  return createAnswerKey({ inbox: readJsonFile(answerKey.path), latency: answerKey.latency })
}

/** The gateway of these settings, as a listener for Node's own HTTP server or anything that takes one. Streams are not buffered. */
export function createNodeListener(config: GatewayConfig, log?: (entry: LogEntry) => void): NodeListener {
  const options: GatewayOptions = {
    provider: createProvider(config),
    limits: config.limits,
    allowedOrigins: config.allowedOrigins,
    allowedHosts: config.allowedHosts,
    idempotency: { ttl: config.idempotencyTtl },
    log,
  }
  const listener = getRequestListener(createGateway(options).fetch, { overrideGlobalObjects: false })
  return (incoming, outgoing) => void listener(incoming, outgoing)
}

/** A running gateway. */
interface RunningGateway {
  readonly server: Server
  /** `http://127.0.0.1:8787` */
  readonly url: string
  /** Takes no new connections, lets open answers end for the grace time, then cuts them. */
  close(): Promise<void>
}

/**
 * Listens as the settings say. Port 0 takes a free one.
 *
 * @throws Error from Node where the port is taken or the host is not this machine's
 */
export async function startGateway(config: GatewayConfig, log?: (entry: LogEntry) => void): Promise<RunningGateway> {
  const server = createServer(createNodeListener(config, log))
  let closing = false
  server.on('request', (_incoming, outgoing) => {
    outgoing.once('close', () => {
      // Else the client's kept connection would hold the end up until it times out.
      if (closing) setImmediate(() => server.closeIdleConnections())
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(config.port, config.host, resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : config.port
  const host = config.host.includes(':') ? `[${config.host}]` : config.host

  const close = async (): Promise<void> => {
    closing = true
    const cut = setTimeout(() => server.closeAllConnections(), config.shutdownGrace)
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeIdleConnections()
    })
    clearTimeout(cut)
  }
  return { server, url: `http://${host}:${port}`, close }
}

function readJsonFile(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const message = `There is no answer key at '${path}'. Set ANSWER_KEY to an inbox file, or FRONTIER_BASE_URL and FRONTIER_MODEL to a real upstream.`
    throw new ConfigError(message, { cause })
  }
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch (cause) {
    throw new ConfigError(`The answer key at '${path}' is not JSON.`, { cause })
  }
}
