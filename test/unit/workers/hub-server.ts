import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How a file is served wrongly. */
export type Fault = 'truncated' | 'corrupt' | 'hang' | 'unavailable'

export interface HubServer {
  readonly base: string
  readonly requests: string[]
  readonly files: Map<string, Uint8Array>
  readonly faults: Map<string, Fault>
  close(): Promise<void>
}

/**
 * A server with the hub's manners: `/{org}/{name}/resolve/{revision}/{file}` redirects to another path, small files with a
 * relative `Location` and the rest with an absolute one, as the hub sends them to its storage.
 */
export async function startHub(files: Record<string, string | Uint8Array>): Promise<HubServer> {
  const contents = new Map(
    Object.entries(files).map(([path, body]) => [path, typeof body === 'string' ? new TextEncoder().encode(body) : body]),
  )
  const faults = new Map<string, Fault>()
  const requests: string[] = []
  const server = createServer((request, response) => {
    const url = request.url ?? ''
    requests.push(url)
    const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url)
    if (resolve !== null) {
      const [, id = '', revision = '', file = ''] = resolve
      const name = `${id}@${revision}/${file}`
      const body = contents.get(name)
      if (body === undefined) return void response.writeHead(404, { 'content-type': 'text/plain' }).end('Entry not found')
      const target = `/storage/${name}`
      return void response
        .writeHead(body.byteLength > 1000 ? 302 : 307, {
          location: body.byteLength > 1000 ? `${baseOf(server.address())}${target}` : target,
        })
        .end()
    }
    const name = url.replace(/^\/(storage|folder)\//, '')
    const body = contents.get(name)
    if (body === undefined)
      return void response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>app</title>')
    const fault = faults.get(name)
    if (fault === 'unavailable') return void response.writeHead(503).end()
    response.writeHead(200, { 'content-length': body.byteLength, 'content-type': 'application/octet-stream' })
    if (fault === 'hang') return void response.write(body.subarray(0, 10))
    if (fault === 'truncated')
      return void response.write(body.subarray(0, Math.floor(body.byteLength / 2)), () => setImmediate(() => response.destroy()))
    response.end(fault === 'corrupt' ? body.map((byte, i) => (i === 5 ? byte ^ 1 : byte)) : body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    base: baseOf(server.address()),
    requests,
    files: contents,
    faults,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

function baseOf(address: string | AddressInfo | null): string {
  return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : ''
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function keyOf(request: RequestInfo | URL): string {
  return request instanceof Request ? request.url : request.toString()
}

/** The Cache API in memory, as far as it is used. */
export function memoryCaches(): CacheStorage & { readonly stores: Map<string, Map<string, Response>> } {
  const stores = new Map<string, Map<string, Response>>()
  const open = (name: string): Cache => {
    const store = stores.get(name) ?? new Map<string, Response>()
    stores.set(name, store)
    const fake: Pick<Cache, 'match' | 'put' | 'delete'> = {
      match: (url) => Promise.resolve(store.get(keyOf(url))?.clone()),
      put: (url, response) => Promise.resolve(void store.set(keyOf(url), response)),
      delete: (url) => Promise.resolve(store.delete(keyOf(url))),
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a fake of what is used
    return fake as Cache
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a fake of what is used
  return {
    stores,
    open: (name: string) => Promise.resolve(open(name)),
    keys: () => Promise.resolve([...stores.keys()]),
    delete: (name: string) => Promise.resolve(stores.delete(name)),
  } as unknown as CacheStorage & { stores: Map<string, Map<string, Response>> }
}
