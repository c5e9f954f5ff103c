import { TransaxleError } from '../../src/errors/base.ts'
import { ModelError } from '../../src/errors/model-error.ts'
import { abortError } from '../../src/utils/deadline.ts'
import { hex } from '../../src/utils/hash.ts'

export interface Expected {
  readonly bytes: number
  readonly sha256: string
}

export interface DownloadOptions {
  readonly fetch: typeof fetch
  readonly signal?: AbortSignal | undefined
  /** Bytes of this file so far, and of all of it once known. */
  readonly onBytes?: ((loaded: number, total: number | undefined) => void) | undefined
  /** What the file must be, where a manifest says so. */
  readonly expected?: Expected | undefined
}

/**
 * Fetches one file whole. Undefined where the host does not have it (404, 410, a refusal, or an HTML page in its place, which
 * is how single-page hosts answer). Throws `network` (retryable), `model-corrupt` naming the file, AbortError.
 */
export async function download(url: string, file: string, options: DownloadOptions): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const response = await guard(url, options.signal, () => options.fetch(url, { signal: options.signal ?? null }))
  if ([401, 403, 404, 410].includes(response.status) || isPage(response, file)) {
    await response.body?.cancel()
    return undefined
  }
  if (!response.ok) {
    await response.body?.cancel()
    throw networkError(url, `status ${response.status}`)
  }
  const size = options.expected?.bytes ?? plainLength(response)
  const bytes = await readAll(response, url, file, size, options)
  await verify(bytes, file, url, size, options.expected)
  return bytes
}

/** Throws ModelError (`model-corrupt`) where bytes are not what they must be. */
export async function verify(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
  url: string,
  size: number | undefined,
  expected: Expected | undefined,
): Promise<void> {
  if (size !== undefined && bytes.byteLength !== size) {
    throw corrupt(file, url, `has ${bytes.byteLength} bytes instead of ${size}`)
  }
  if (expected !== undefined && hex(await crypto.subtle.digest('SHA-256', bytes)) !== expected.sha256) {
    throw corrupt(file, url, 'does not have the SHA-256 its manifest names')
  }
}

async function readAll(
  response: Response,
  url: string,
  file: string,
  size: number | undefined,
  options: DownloadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  if (response.body === null) return new Uint8Array()
  const reader = response.body.getReader()
  let buffer = new Uint8Array(size ?? 65_536)
  let loaded = 0
  try {
    for (;;) {
      const { done, value } = await guard(url, options.signal, () => reader.read(), { file, loaded, size })
      if (done) break
      if (loaded + value.byteLength > buffer.byteLength) {
        if (size !== undefined) throw corrupt(file, url, `has more than the ${size} bytes it should have`)
        const larger = new Uint8Array(Math.max(buffer.byteLength * 2, loaded + value.byteLength))
        larger.set(buffer.subarray(0, loaded))
        buffer = larger
      }
      buffer.set(value, loaded)
      loaded += value.byteLength
      options.onBytes?.(loaded, size)
    }
  } catch (error) {
    // the connection is of no more use; what cancelling says about that is of no interest
    reader.cancel().catch(() => undefined)
    throw error
  }
  return loaded === buffer.byteLength ? buffer : buffer.slice(0, loaded)
}

interface Cut {
  readonly file: string
  readonly loaded: number
  readonly size: number | undefined
}

/** Runs a network step and types what it throws. A body that breaks off is a truncated file. */
async function guard<T>(url: string, signal: AbortSignal | undefined, step: () => Promise<T>, cut?: Cut): Promise<T> {
  try {
    return await step()
  } catch (cause) {
    if (signal?.aborted === true) throw abortError(signal)
    if (cut === undefined) throw networkError(url, 'no connection', cause)
    throw corrupt(cut.file, url, `broke off after ${cut.loaded} of ${cut.size ?? 'an unknown number of'} bytes`, cause)
  }
}

function corrupt(file: string, url: string, what: string, cause?: unknown): ModelError {
  return new ModelError(
    'model-corrupt',
    `The file ${file} of the model ${what} (${url}). Nothing of it was kept; loading again fetches it anew.`,
    {
      retryable: true,
      details: { file, url },
      cause,
    },
  )
}

function networkError(url: string, what: string, cause?: unknown): TransaxleError {
  return new TransaxleError('network', `The model's host did not answer: ${what} (${url}).`, {
    retryable: true,
    details: { url },
    cause,
  })
}

/** Length of the body as it is read; not known where the transfer is compressed. */
function plainLength(response: Response): number | undefined {
  const length = response.headers.get('content-length')
  const encoding = response.headers.get('content-encoding')
  return length === null || (encoding !== null && encoding !== 'identity') ? undefined : Number(length)
}

function isPage(response: Response, file: string): boolean {
  return response.ok && !file.endsWith('.html') && (response.headers.get('content-type') ?? '').startsWith('text/html')
}
