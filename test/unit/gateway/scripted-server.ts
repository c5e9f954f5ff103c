import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly bytes: number
  readonly body: unknown
}

export type Handler = (response: ServerResponse, received: Received) => void | Promise<void>

/** An HTTP server that does what the handler of the moment says, and keeps what it was sent. */
export class ScriptedServer {
  readonly received: Received[] = []
  handler: Handler = (response) => void response.end()

  /** Resolves when the client has left the response that is being given. */
  left: Promise<void> = Promise.resolve()
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => {
      this.left = new Promise((resolve) => response.once('close', resolve))
      void this.#answer(request, response)
    })
  }

  static async start(): Promise<ScriptedServer> {
    const scripted = new ScriptedServer()
    await new Promise<void>((resolve) => scripted.#server.listen(0, '127.0.0.1', resolve))
    return scripted
  }

  get origin(): string {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
    const { port } = this.#server.address() as AddressInfo
    return `http://127.0.0.1:${port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- without an encoding they are buffers
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const bytes = Buffer.concat(chunks)
    const body: unknown = bytes.length === 0 ? undefined : JSON.parse(bytes.toString('utf8'))
    const received = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, bytes: bytes.length, body }
    this.received.push(received)
    await this.handler(response, received)
  }
}

const HEAD = { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'upstream-model' }

/** One frame of a streamed completion. */
export function frame(delta: Readonly<Record<string, unknown>>, finish: string | null = null): string {
  return `data: ${JSON.stringify({ ...HEAD, choices: [{ index: 0, delta, finish_reason: finish }], usage: null })}\n\n`
}

export const OPENING: string = frame({ role: 'assistant', content: '' })
export const USAGE: string = `data: ${JSON.stringify({ ...HEAD, choices: [], usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 } })}\n\n`
export const DONE = 'data: [DONE]\n\n'

/** Begins an event stream. */
export function openStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  response.flushHeaders()
}

/** The usual answer: each text a frame. */
export function answer(response: ServerResponse, texts: readonly string[], finish = 'stop'): void {
  openStream(response)
  response.end([OPENING, ...texts.map((content) => frame({ content })), frame({}, finish), USAGE, DONE].join(''))
}

/** Writes bytes as network chunks of their own. */
export async function writeApart(response: ServerResponse, pieces: readonly (string | Uint8Array)[]): Promise<void> {
  for (const piece of pieces) {
    await new Promise<void>((resolve) => response.write(piece, () => setImmediate(resolve)))
  }
}

export function refuse(
  response: ServerResponse,
  status: number,
  error: Readonly<Record<string, unknown>>,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify({ error }))
}
