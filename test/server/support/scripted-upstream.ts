/**
 * A server process that speaks OpenAI's API and goes wrong on demand: the model's name is the script it plays.
 * Prints its URL, then a line for each call that begins and each connection that its client closed early.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'

interface Call {
  readonly model: string
  readonly authorization: string
  readonly body: Record<string, unknown>
}

type Script = (response: ServerResponse, call: Call) => void

const frame = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`
const delta = (content: string): string =>
  frame({ model: 'scripted-1', choices: [{ index: 0, delta: { content }, finish_reason: null }] })
const finish = (reason: string): string => frame({ model: 'scripted-1', choices: [{ index: 0, delta: {}, finish_reason: reason }] })
const usage = frame({ model: 'scripted-1', choices: [], usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 } })
const DONE = 'data: [DONE]\n\n'
const TEXT = ['Grüße ', 'aus ', '東京 ', '🦊👩‍🚀', ' ok']
const whole = TEXT.map(delta).join('') + finish('stop') + usage + DONE

const sse = (response: ServerResponse, text: string): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(text)
}
const json = (status: number, value: unknown, headers: Record<string, string> = {}): Script => {
  return (response) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
}
const keyOf = (call: Call): string => call.authorization.replace('Bearer ', '')

/** Writes a few bytes at a time, each in its own turn of the event loop, so that frames and characters are cut anywhere. */
const drip = (response: ServerResponse, bytes: Buffer, step: number): void => {
  if (bytes.length === 0) response.end()
  else response.write(bytes.subarray(0, step), () => setImmediate(() => drip(response, bytes.subarray(step), step)))
}

const scripts: Record<string, Script> = {
  ok: (response) => {
    sse(response, whole)
    response.end()
  },
  drip: (response) => {
    sse(response, '')
    response.flushHeaders()
    drip(response, Buffer.from(whole.replaceAll('\n', '\r\n')), 3)
  },
  'no-usage': (response) => {
    sse(response, delta('four char tokens') + finish('stop') + DONE)
    response.end()
  },
  tools: (response) => {
    const call = (value: unknown): string => frame({ choices: [{ index: 0, delta: { tool_calls: [value] }, finish_reason: null }] })
    sse(
      response,
      call({ index: 0, id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"a"' } }) +
        call({ index: 1, id: 'call_2', type: 'function', function: { name: 'find', arguments: '{}' } }) +
        call({ index: 0, function: { arguments: ':1}' } }) +
        finish('tool_calls') +
        DONE,
    )
    response.end()
  },
  cut: (response) => {
    sse(response, delta('half an '))
    setTimeout(() => response.destroy(), 20)
  },
  'no-done': (response) => {
    sse(response, delta('all of it') + finish('stop') + usage)
    response.end()
  },
  'half-frame': (response) => {
    sse(response, `${delta('half')}data: {"choices":[{"delta":{"con`)
    response.end()
  },
  'done-without-finish': (response) => {
    sse(response, delta('half') + DONE)
    response.end()
  },
  'finish-abort': (response) => {
    sse(response, delta('half') + finish('abort') + DONE)
    response.end()
  },
  'error-event': (response, call) => {
    sse(response, delta('half') + frame({ error: { message: `engine died with key ${keyOf(call)}` } }))
    response.end()
  },
  'not-json': (response) => {
    sse(response, `${delta('half')}data: <oops>\n\n`)
    response.end()
  },
  'bad-utf8': (response) => {
    sse(response, delta('half'))
    setTimeout(() => response.end(Buffer.from([0x64, 0xff, 0xfe, 0x0a])), 20)
  },
  'long-event': (response) => {
    sse(response, `data: ${'x'.repeat(2_000_000)}`)
  },
  endless: (response) => {
    sse(response, '')
    const more = (): void => void (response.destroyed || response.write(delta('x'.repeat(10_000)), () => setImmediate(more)))
    more()
  },
  html: (response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>')
  },
  'html-502': (response) => {
    response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>')
  },
  redirect: (response) => {
    response.writeHead(302, { location: '/v1/elsewhere' }).end()
  },
  'status-500': json(500, { error: { message: 'stack trace here' } }),
  'status-503': json(503, { error: { message: 'busy' } }, { 'retry-after': '3' }),
  'status-429': json(429, { error: { message: 'slow down' } }, { 'retry-after': '7' }),
  'status-404': json(404, { error: { message: 'no such model' } }),
  'echo-key-400': (response, call) => {
    const message = `bad request; your header was "Bearer ${keyOf(call)}" and encoded ${encodeURIComponent(keyOf(call))}`
    json(400, { error: { message, param: 'temperature' } })(response, call)
  },
  'echo-key-401': (response, call) => json(401, { error: { message: `wrong key ${keyOf(call)}` } })(response, call),
  'echo-key-answer': (response, call) => {
    const key = keyOf(call)
    sse(response, delta(`whole ${key} cut `) + key.split('').map(delta).join('') + delta(' end') + finish('stop') + DONE)
    response.end()
  },
  'hang-headers': () => undefined,
  'hang-first': (response) => {
    sse(response, '')
    response.flushHeaders()
  },
  comments: (response) => {
    sse(response, ': waiting\n\n')
    const timer = setInterval(() => response.write(': waiting\n\n'), 10)
    response.on('close', () => clearInterval(timer))
  },
  slow: (response) => {
    const frames = [...TEXT.map(delta), finish('stop'), DONE]
    sse(response, '')
    response.flushHeaders()
    const timer = setInterval(() => {
      response.write(frames.shift() ?? '')
      if (frames.length > 0) return
      clearInterval(timer)
      response.end()
    }, 60)
  },
  'hang-mid': (response) => sse(response, delta('half')),
  echo: (response, call) => {
    sse(response, delta(JSON.stringify(call.body)) + finish('stop') + DONE)
    response.end()
  },
}

async function readCall(request: IncomingMessage): Promise<Call> {
  const parts: Buffer[] = []
  for await (const part of request) if (Buffer.isBuffer(part)) parts.push(part)
  const body: Record<string, unknown> = JSON.parse(Buffer.concat(parts).toString())
  return { model: String(body['model']), authorization: request.headers.authorization ?? '', body }
}

async function play(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const call = await readCall(request)
  process.stdout.write(`call ${call.model}\n`)
  response.on('close', () => {
    if (!response.writableFinished) process.stdout.write(`closed ${call.model}\n`)
  })
  const script = scripts[call.model]
  if (script === undefined) response.writeHead(404).end()
  else script(response, call)
}

const server = createServer((request, response) => void play(request, response))
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`listens on http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}\n`)
})
