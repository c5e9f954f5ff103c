import { createParser } from 'eventsource-parser'

import type { Exchange } from '../contracts/frontier.ts'
import { GatewayError } from '../errors/gateway-error.ts'
import { withDeadline } from '../utils/deadline.ts'

/** One frame may not be longer, in characters: a body that never ends a line must not fill the memory. */
const LONGEST_FRAME = 4 * 1024 * 1024

/**
 * The `data` of the server-sent events of a body, those of one network chunk together. Ends where the body does; rejects with
 * `stream-truncated` where the connection breaks, and at once when `signal` aborts, whether or not the body heeds it.
 */
export async function* readFrames(
  response: Response,
  signal: AbortSignal,
  exchange: Exchange | undefined,
): AsyncGenerator<readonly string[]> {
  const reader = response.body?.getReader()
  if (reader === undefined) return
  const decoder = new TextDecoder()
  let frames: string[] = []
  const parser = createParser({ onEvent: ({ data }) => frames.push(data), maxBufferSize: LONGEST_FRAME })
  try {
    for (;;) {
      const { done, value } = await withDeadline(reader.read(), '', undefined, signal)
      if (done) return
      if (exchange !== undefined) exchange.bytesReceived += value.byteLength
      parser.feed(decoder.decode(value, { stream: true }))
      if (frames.length === 0) continue
      const read = frames
      frames = []
      yield read
    }
  } catch (cause) {
    throw new GatewayError('stream-truncated', 'The connection to the gateway broke in the middle of an answer.', {
      retryable: true,
      cause,
    })
  } finally {
    reader.cancel().catch(() => undefined)
  }
}
