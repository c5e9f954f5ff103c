import { ApiError, clientClosed } from './errors.ts'

/** What one request may cost. All of them positive whole numbers. */
export interface Limits {
  /** Bytes of a request's body. */
  readonly maxBodyBytes: number
  /** Tokens of messages and tools, estimated at four characters a token. */
  readonly maxPromptTokens: number
  /** Tokens of an answer: the most a request may ask for, and what it gets when it asks for nothing. */
  readonly maxOutputTokens: number
}

export const DEFAULT_LIMITS: Limits = { maxBodyBytes: 1_048_576, maxPromptTokens: 32_000, maxOutputTokens: 4096 }

const CHARACTERS_PER_TOKEN = 4
const DEEPEST_NESTING = 64

/** Tokens of a text of this many characters: an estimate for English text, at four characters a token. */
export function estimateTokens(characters: number): number {
  return Math.ceil(characters / CHARACTERS_PER_TOKEN)
}

/** Characters that fit into so many estimated tokens. */
export function estimateCharacters(tokens: number): number {
  return tokens * CHARACTERS_PER_TOKEN
}

/**
 * A request's body, read no further than the limit, whether its length was announced or not.
 *
 * @throws ApiError 413 `body_too_large`
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const announced = Number(request.headers.get('content-length') ?? '0')
  if (announced > maxBytes) throw tooLarge(maxBytes)
  if (request.body === null) return new Uint8Array(0)
  const parts: Uint8Array[] = []
  let size = 0
  const reader = request.body.getReader()
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw clientClosed()
    })
    if (done) break
    size += value.byteLength
    // Not cancelled: the adapter drains what the client still sends, so that the error reaches it.
    if (size > maxBytes) throw tooLarge(maxBytes)
    parts.push(value)
  }
  const bytes = new Uint8Array(size)
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.byteLength
  }
  return bytes
}

/**
 * The JSON value of a body. Nesting is bounded before it is parsed, because everything after it that walks the value recurses.
 *
 * @throws ApiError 400 `invalid_json`
 */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new ApiError(400, 'invalid_json', 'The body is not valid UTF-8. Send JSON encoded as UTF-8.')
  }
  if (nestingOf(text) > DEEPEST_NESTING) {
    throw new ApiError(400, 'invalid_json', `The body is nested deeper than ${DEEPEST_NESTING} levels. Flatten it.`)
  }
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    // The parser's own message quotes the body, which does not belong in an error.
    throw new ApiError(400, 'invalid_json', 'The body is not valid JSON.')
  }
}

/** The deepest nesting of arrays and objects in a JSON text. Brackets inside strings do not count. */
function nestingOf(json: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < json.length; i += 1) {
    const character = json[i]
    if (inString) {
      if (character === '\\') i += 1
      else if (character === '"') inString = false
    } else if (character === '"') {
      inString = true
    } else if (character === '[' || character === '{') {
      depth += 1
      deepest = Math.max(deepest, depth)
    } else if (character === ']' || character === '}') {
      depth -= 1
    }
  }
  return deepest
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError(
    413,
    'body_too_large',
    `The body is larger than ${maxBytes} bytes. Send less, or raise MAX_BODY_BYTES at the gateway.`,
  )
}
