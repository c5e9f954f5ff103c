import * as v from 'valibot'

import { ApiError } from '../errors.ts'
import type { Secret } from './secret.ts'

const LONGEST_BODY = 65_536
const LONGEST_MESSAGE = 500

const refusal = v.looseObject({ error: v.looseObject({ message: v.string(), param: v.nullish(v.string()) }) })

/**
 * An upstream's response of any status but 2xx, as the error that the client sees.
 * Only what a client can mend (400, 413, 422, 429) quotes the upstream, scrubbed; the rest is the gateway's own business.
 */
export async function refusalOf(response: Response, secret: Secret): Promise<ApiError> {
  const { status } = response
  const retryAfter = secondsOf(response.headers.get('retry-after'))
  if (status === 400 || status === 413 || status === 422 || status === 429) {
    const { message, param } = await readRefusal(response, secret)
    const code = status === 429 ? 'rate_limit_exceeded' : 'upstream_refused'
    const said =
      message === undefined ? `The upstream answered with status ${status}.` : `The upstream refused the request: ${message}`
    return new ApiError(status, code, said, { param, retryAfter })
  }
  void response.body?.cancel().catch(() => undefined)
  if (status === 503 || status === 504) {
    return new ApiError(status, 'upstream_failed', `The upstream answered with status ${status}.`, { retryAfter })
  }
  if (status >= 500 || status === 408 || status === 409) {
    return new ApiError(502, 'upstream_failed', `The upstream answered with status ${status}.`, { retryAfter })
  }
  const check = status === 401 || status === 403 ? 'FRONTIER_API_KEY' : 'FRONTIER_BASE_URL and FRONTIER_MODEL'
  return new ApiError(502, 'upstream_misconfigured', `The upstream answered with status ${status}. Check ${check} at the gateway.`)
}

async function readRefusal(response: Response, secret: Secret): Promise<{ message?: string; param?: string | undefined }> {
  let value: unknown
  try {
    value = JSON.parse(await readSome(response))
  } catch {
    return {}
  }
  const result = v.safeParse(refusal, value)
  if (!result.success) return {}
  const { message, param } = result.output.error
  return {
    message: secret.scrub(message).slice(0, LONGEST_MESSAGE),
    param: param === undefined || param === null ? undefined : secret.scrub(param),
  }
}

async function readSome(response: Response): Promise<string> {
  if (response.body === null) return ''
  const decoder = new TextDecoder()
  const reader = response.body.getReader()
  let text = ''
  while (text.length < LONGEST_BODY) {
    const { done, value } = await reader.read()
    if (done) break
    text += decoder.decode(value, { stream: true })
  }
  void reader.cancel().catch(() => undefined)
  return text
}

/** `retry-after` in seconds; its other form, a date, is left out. */
function secondsOf(header: string | null): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) : undefined
}
