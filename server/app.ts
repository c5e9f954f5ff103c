import { Hono } from 'hono'
import type { Context } from 'hono'
import { cors } from 'hono/cors'

import { DEFAULT_MODEL_ALIAS, readChatRequest } from './chat-request.ts'
import type { ChatRequest } from './chat-request.ts'
import { ApiError, clientClosed, toApiError } from './errors.ts'
import { IdempotencyStore } from './idempotency.ts'
import { DEFAULT_LIMITS, parseJson, readBody } from './limits.ts'
import type { Limits } from './limits.ts'
import type { Provider } from './providers/port.ts'
import { completionOf, eventStreamOf } from './respond.ts'
import { Run } from './run.ts'

export { ApiError } from './errors.ts'
export type { ApiErrorBody, ApiErrorCode, ApiErrorType } from './errors.ts'
export type { Limits } from './limits.ts'
export { createAnswerKey } from './providers/answer-key.ts'
export type { AnswerKeyOptions } from './providers/answer-key.ts'
export { createOpenAiCompatible } from './providers/openai-compatible.ts'
export type { OpenAiCompatibleOptions } from './providers/openai-compatible.ts'
export type { Chunk, ContentPart, Delta, FinishReason, Provider, ProviderRequest, RequestMessage, Usage } from './providers/port.ts'
export type { UpstreamTimeouts } from './providers/watchdog.ts'

/** One line of the gateway's log. Never the text of a request or an answer, never a key. */
export interface LogEntry {
  readonly level: 'info' | 'error'
  readonly requestId: string
  readonly method: string
  readonly path: string
  readonly status: number
  /** From the request's arrival to the end of its response. */
  readonly milliseconds: number
  readonly provider: string
  readonly code?: string | undefined
  /** For errors: what happened inside. */
  readonly cause?: string | undefined
}

export interface GatewayOptions {
  readonly provider: Provider
  readonly limits?: Partial<Limits> | undefined
  /** Origins of other pages that may call. Pages of the gateway's own origin always may. */
  readonly allowedOrigins?: readonly string[] | undefined
  /** Names, without port, that the gateway answers to; a guard against DNS rebinding. Default: any. */
  readonly allowedHosts?: readonly string[] | undefined
  readonly idempotency?: { readonly ttl?: number; readonly maxEntries?: number; readonly maxCharacters?: number } | undefined
  readonly log?: ((entry: LogEntry) => void) | undefined
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined
  readonly newId?: (() => string) | undefined
}

interface Env {
  Variables: { requestId: string; startedAt: number }
}

const EXPOSED = ['x-request-id', 'x-transaxle-provider', 'idempotent-replayed', 'retry-after']

/**
 * The gateway as a fetch handler, without a server: OpenAI's `POST /v1/chat/completions` and `GET /v1/models` in front of one
 * provider, and `GET /healthz`. Errors have OpenAI's shape.
 */
export function createGateway(options: GatewayOptions): Hono<Env> {
  const { provider } = options
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits }
  const now = options.now ?? Date.now
  const newId = options.newId ?? ((): string => crypto.randomUUID())
  const allowedOrigins = options.allowedOrigins ?? []
  const store = new IdempotencyStore({ now, ...options.idempotency })
  const app = new Hono<Env>()

  const logEnd = (c: Context<Env>, status: number, error: ApiError | undefined): void => {
    const startedAt = c.get('startedAt')
    options.log?.({
      level: error !== undefined && error.status >= 500 ? 'error' : 'info',
      requestId: c.get('requestId'),
      method: c.req.method,
      path: c.req.path,
      status,
      milliseconds: now() - startedAt,
      provider: provider.name,
      code: error?.code,
      cause: error?.cause instanceof Error ? error.cause.message : undefined,
    })
  }

  app.use(async (c, next) => {
    c.set('requestId', newId())
    c.set('startedAt', now())
    c.header('x-request-id', c.get('requestId'))
    c.header('x-transaxle-provider', provider.name)
    c.header('cross-origin-resource-policy', 'same-origin')
    c.header('cache-control', 'no-store')
    c.header('x-content-type-options', 'nosniff')
    checkHost(c, options.allowedHosts)
    checkOrigin(c, allowedOrigins)
    await next()
  })
  app.use(cors({ origin: [...allowedOrigins], allowMethods: ['GET', 'POST'], exposeHeaders: EXPOSED, maxAge: 600 }))

  app.get('/healthz', (c) => c.json({ status: 'ok', provider: provider.name, models: provider.models() }))

  app.get('/v1/models', (c) => {
    const data = [...new Set([...provider.models(), DEFAULT_MODEL_ALIAS])].map((id) => ({
      id,
      object: 'model',
      created: 0,
      owned_by: provider.name,
    }))
    return c.json({ object: 'list', data })
  })

  app.post('/v1/chat/completions', async (c) => {
    if (!/^application\/json\b/i.test(c.req.header('content-type') ?? '')) {
      throw new ApiError(415, 'unsupported_media_type', `Send the body as JSON, with 'Content-Type: application/json'.`)
    }
    const bytes = await readBody(c.req.raw, limits.maxBodyBytes)
    const request = readChatRequest(parseJson(bytes), provider.models(), limits)
    const key = c.req.header('idempotency-key')
    const start = (): Run => {
      const info = { id: `chatcmpl-${newId()}`, created: Math.floor(now() / 1000), provider: provider.name }
      return new Run(provider, request.provider, info)
    }
    const { run, replayed } = key === undefined ? { run: start(), replayed: false } : store.runOf(key, await hashOf(bytes), start)
    if (replayed) c.header('idempotent-replayed', 'true')
    return await answer(c, run, request)
  })

  const answer = async (c: Context<Env>, run: Run, request: ChatRequest): Promise<Response> => {
    const reader = run.read()
    // Before a response has begun the request's signal tells that its client left; after that the stream's cancel does, too.
    const { signal } = c.req.raw
    signal.addEventListener('abort', reader.close, { once: true })
    if (signal.aborted) reader.close()
    try {
      if (!request.stream) {
        const completion = await completionOf(reader, run.info)
        reader.close()
        logEnd(c, 200, undefined)
        return c.json(completion)
      }
      const first = await reader.next()
      if (first === undefined) throw clientClosed()
      c.header('content-type', 'text/event-stream; charset=utf-8')
      c.header('cache-control', 'no-cache, no-transform')
      // Asks a proxy in front (nginx) not to hold the stream back.
      c.header('x-accel-buffering', 'no')
      return c.body(eventStreamOf(reader, run.info, first, request.includeUsage, (error) => logEnd(c, 200, error)))
    } catch (thrown) {
      reader.close()
      throw thrown
    }
  }

  app.all('/v1/chat/completions', (c) => methodNotAllowed(c, 'POST'))
  app.all('/v1/models', (c) => methodNotAllowed(c, 'GET'))
  app.all('/healthz', (c) => methodNotAllowed(c, 'GET'))
  app.notFound((c) => {
    throw new ApiError(
      404,
      'not_found',
      `There is no ${c.req.method} ${c.req.path.slice(0, 100)} here. See the gateway's README for its routes.`,
    )
  })
  app.onError((thrown, c) => {
    const error = toApiError(thrown)
    if (error.retryAfter !== undefined) c.header('retry-after', String(error.retryAfter))
    logEnd(c, error.status, error)
    return c.json(error.toBody(), error.status === 499 ? 408 : error.status)
  })
  return app
}

function methodNotAllowed(c: Context<Env>, allow: string): never {
  c.header('allow', allow)
  throw new ApiError(405, 'method_not_allowed', `${c.req.path} takes ${allow} only.`)
}

function checkHost(c: Context<Env>, allowed: readonly string[] | undefined): void {
  if (allowed === undefined) return
  const { hostname } = new URL(c.req.url)
  if (allowed.includes(hostname)) return
  throw new ApiError(
    403,
    'host_not_allowed',
    'This gateway does not answer to that host name. Add it to ALLOWED_HOSTS at the gateway.',
  )
}

/** A page of another origin can send a request even where CORS keeps the answer from it; the gateway would pay all the same. */
function checkOrigin(c: Context<Env>, allowed: readonly string[]): void {
  const origin = c.req.header('origin')
  if (origin === undefined || allowed.includes(origin)) return
  const host = c.req.header('host') ?? new URL(c.req.url).host
  if (URL.canParse(origin) && new URL(origin).host === host) return
  throw new ApiError(
    403,
    'origin_not_allowed',
    'Pages of this origin may not call this gateway. Add it to ALLOWED_ORIGINS at the gateway.',
  )
}

async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
