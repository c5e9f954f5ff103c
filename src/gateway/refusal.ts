import type { Exchange, FrontierRequest } from '../contracts/frontier.ts'
import { GatewayError } from '../errors/gateway-error.ts'
import { isRecord } from '../utils/json.ts'

/** Statuses under 500 whose request may be taken later as it is: timeout, conflict, too early, too many. */
const LATER: ReadonlySet<number> = new Set([408, 409, 425, 429])
const LONGEST_MESSAGE = 300

/** In characters. Two texts may share a shorter piece by chance. */
const SHORTEST_QUOTE = 16

/** The error that a response other than the asked-for stream stands for. `guard` bounds the reading of its body. */
export async function refusal(
  response: Response,
  type: string,
  request: FrontierRequest,
  guard: <T>(promise: Promise<T>) => Promise<T>,
  now: number,
  exchange: Exchange | undefined,
): Promise<GatewayError> {
  const { status } = response
  if (response.ok) {
    response.body?.cancel().catch(() => undefined)
    return new GatewayError(
      'gateway-failed',
      `The gateway answered with ${type.split(';')[0]} where an event stream was asked for.`,
      {
        retryable: true,
        details: { status, contentType: type },
      },
    )
  }
  const bytes = await guard(response.arrayBuffer())
  if (exchange !== undefined) exchange.bytesReceived += bytes.byteLength
  const { message, code } = read(new TextDecoder().decode(bytes))
  const said = message === undefined || quotes(message, request) ? '' : `: ${message}`
  const wait = retryAfter(response.headers.get('retry-after'), now)
  const details = { status, ...(code === undefined ? {} : { code }), ...(wait === undefined ? {} : { retryAfter: wait }) }
  if (status >= 400 && status < 500) {
    return new GatewayError('gateway-refused', `The gateway refused the request (${status})${said}`, {
      retryable: LATER.has(status),
      details,
    })
  }
  return new GatewayError('gateway-failed', `The gateway failed (${status})${said}`, { retryable: true, details })
}

/** The error that an error object in the midst of a stream stands for. Its message may quote the request, and is left out. */
export function streamError(error: Readonly<Record<string, unknown>>): GatewayError {
  const code = codeOf(error)
  const kind = String(error['type'])
  const refused = kind === 'invalid_request_error' || kind === 'rate_limit_error'
  return new GatewayError(
    refused ? 'gateway-refused' : 'gateway-failed',
    `The gateway ended the answer with an error${code === undefined ? '' : ` (${code})`}.`,
    { retryable: kind !== 'invalid_request_error', details: code === undefined ? undefined : { code } },
  )
}

function read(body: string): { readonly message?: string | undefined; readonly code?: string | undefined } {
  try {
    const value: unknown = JSON.parse(body)
    const error = isRecord(value) ? value['error'] : undefined
    if (!isRecord(error)) return {}
    return {
      message: typeof error['message'] === 'string' ? error['message'].slice(0, LONGEST_MESSAGE) : undefined,
      code: codeOf(error),
    }
  } catch {
    return {}
  }
}

function codeOf(error: Readonly<Record<string, unknown>>): string | undefined {
  const code = error['code'] ?? error['type']
  return typeof code === 'string' ? code.slice(0, 60) : undefined
}

/** Whether a server's sentence repeats part of the request: then it must not go into errors, traces and logs. */
function quotes(message: string, { messages }: FrontierRequest): boolean {
  const pieces = Array.from({ length: Math.max(0, message.length - SHORTEST_QUOTE + 1) }, (_, at) =>
    message.slice(at, at + SHORTEST_QUOTE),
  )
  return messages.some(({ content }) =>
    content.length < SHORTEST_QUOTE ? content !== '' && message.includes(content) : pieces.some((piece) => content.includes(piece)),
  )
}

/** `Retry-After`, seconds or a date, in milliseconds from `now`. */
function retryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  const milliseconds = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds)
}
