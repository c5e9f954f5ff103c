import * as v from 'valibot'

import { DEFAULT_LIMITS } from './limits.ts'
import type { Limits } from './limits.ts'
import { DEFAULT_TIMEOUTS } from './providers/watchdog.ts'
import type { UpstreamTimeouts } from './providers/watchdog.ts'

/** A real upstream; without one the gateway runs on the answer key. */
interface FrontierConfig {
  readonly baseUrl: string
  readonly apiKey: string | undefined
  readonly models: readonly [string, ...string[]]
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens'
  readonly forwardMetadata: boolean
  readonly timeouts: UpstreamTimeouts
}

export interface GatewayConfig {
  readonly host: string
  readonly port: number
  readonly frontier: FrontierConfig | undefined
  readonly answerKey: { readonly path: string; readonly latency: number }
  readonly limits: Limits
  readonly allowedOrigins: readonly string[]
  /** `undefined`: any. */
  readonly allowedHosts: readonly string[] | undefined
  readonly idempotencyTtl: number
  readonly shutdownGrace: number
}

/** A setting that cannot be used. The message names each one, what it must be, and never its value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

export type Environment = Readonly<Record<string, string | undefined>>

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

const whole = (least: number, most: number, fallback: number) =>
  v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,12}$/, 'must be a whole number'),
      v.transform(Number),
      v.minValue(least, `must be at least ${least}`),
      v.maxValue(most, `must be at most ${most}`),
    ),
    String(fallback),
  )
const list = v.optional(
  v.pipe(
    v.string(),
    v.transform((text) =>
      text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    ),
  ),
)

const settings = v.object({
  HOST: v.optional(v.string(), '127.0.0.1'),
  PORT: whole(0, 65_535, 8787),
  FRONTIER_BASE_URL: v.optional(
    v.pipe(
      v.string(),
      v.check(
        isBaseUrl,
        'must be an http or https URL without user, query or fragment, up to and with the version (https://api.openai.com/v1)',
      ),
    ),
  ),
  FRONTIER_API_KEY: v.optional(v.pipe(v.string(), v.regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces'))),
  FRONTIER_MODEL: list,
  FRONTIER_MAX_TOKENS_FIELD: v.optional(
    v.picklist(['max_tokens', 'max_completion_tokens'], `must be 'max_tokens' or 'max_completion_tokens'`),
  ),
  FRONTIER_METADATA: v.optional(v.picklist(['drop', 'forward'], `must be 'drop' or 'forward'`), 'drop'),
  FRONTIER_CONNECT_TIMEOUT_MS: whole(1, 3_600_000, DEFAULT_TIMEOUTS.connect),
  FRONTIER_FIRST_TOKEN_TIMEOUT_MS: whole(1, 3_600_000, DEFAULT_TIMEOUTS.firstToken),
  FRONTIER_IDLE_TIMEOUT_MS: whole(1, 3_600_000, DEFAULT_TIMEOUTS.idle),
  FRONTIER_TOTAL_TIMEOUT_MS: whole(1, 3_600_000, DEFAULT_TIMEOUTS.total),
  ANSWER_KEY: v.optional(v.string(), 'public/data/inbox.json'),
  ANSWER_KEY_LATENCY_MS: whole(0, 60_000, 0),
  MAX_BODY_BYTES: whole(1, 1_073_741_824, DEFAULT_LIMITS.maxBodyBytes),
  MAX_PROMPT_TOKENS: whole(1, 100_000_000, DEFAULT_LIMITS.maxPromptTokens),
  MAX_OUTPUT_TOKENS: whole(1, 100_000_000, DEFAULT_LIMITS.maxOutputTokens),
  ALLOWED_ORIGINS: v.optional(
    v.pipe(
      list,
      v.check(
        (origins) => (origins ?? []).every(isOrigin),
        'must be origins (https://app.example.com), separated by commas; there is no wildcard',
      ),
    ),
  ),
  ALLOWED_HOSTS: list,
  IDEMPOTENCY_TTL_MS: whole(1, 86_400_000, 600_000),
  SHUTDOWN_GRACE_MS: whole(0, 600_000, 10_000),
})

/**
 * The gateway's settings out of environment variables. An empty variable counts as not set.
 *
 * @throws ConfigError that names every setting at fault
 */
export function readConfig(env: Environment): GatewayConfig {
  const result = v.safeParse(
    settings,
    Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== '')),
  )
  if (!result.success) {
    throw new ConfigError(result.issues.map((issue) => `${String(issue.path?.[0]?.key)} ${issue.message}.`).join('\n'))
  }
  const s = result.output
  return {
    host: s.HOST,
    port: s.PORT,
    frontier: frontierOf(s),
    answerKey: { path: s.ANSWER_KEY, latency: s.ANSWER_KEY_LATENCY_MS },
    limits: { maxBodyBytes: s.MAX_BODY_BYTES, maxPromptTokens: s.MAX_PROMPT_TOKENS, maxOutputTokens: s.MAX_OUTPUT_TOKENS },
    allowedOrigins: s.ALLOWED_ORIGINS ?? [],
    allowedHosts: s.ALLOWED_HOSTS ?? (isLoopback(s.HOST) ? LOOPBACK : undefined),
    idempotencyTtl: s.IDEMPOTENCY_TTL_MS,
    shutdownGrace: s.SHUTDOWN_GRACE_MS,
  }
}

function frontierOf(s: v.InferOutput<typeof settings>): FrontierConfig | undefined {
  const [first, ...others] = s.FRONTIER_MODEL ?? []
  if (s.FRONTIER_BASE_URL === undefined) {
    const stray = s.FRONTIER_API_KEY !== undefined ? 'FRONTIER_API_KEY' : first !== undefined ? 'FRONTIER_MODEL' : undefined
    if (stray === undefined) return undefined
    throw new ConfigError(
      `${stray} is set but FRONTIER_BASE_URL is not. Set it to the upstream (https://api.openai.com/v1), or unset ${stray}.`,
    )
  }
  if (first === undefined) {
    throw new ConfigError(
      'FRONTIER_BASE_URL is set but FRONTIER_MODEL is not. Set it to the model names to offer, separated by commas, the default first.',
    )
  }
  return {
    baseUrl: s.FRONTIER_BASE_URL,
    apiKey: s.FRONTIER_API_KEY,
    models: [first, ...others],
    maxTokensField:
      s.FRONTIER_MAX_TOKENS_FIELD ??
      (new URL(s.FRONTIER_BASE_URL).hostname === 'api.openai.com' ? 'max_completion_tokens' : 'max_tokens'),
    forwardMetadata: s.FRONTIER_METADATA === 'forward',
    timeouts: {
      connect: s.FRONTIER_CONNECT_TIMEOUT_MS,
      firstToken: s.FRONTIER_FIRST_TOKEN_TIMEOUT_MS,
      idle: s.FRONTIER_IDLE_TIMEOUT_MS,
      total: s.FRONTIER_TOTAL_TIMEOUT_MS,
    },
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return (
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === ''
  )
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text
}
