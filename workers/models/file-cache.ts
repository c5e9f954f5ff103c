/** Changes when the layout of what is kept changes; caches of other versions are deleted. */
const PREFIX = 'transaxle-models-'
const NAME = `${PREFIX}1`
const BYTES = 'x-transaxle-bytes'

/** Model files kept in the Cache API, by name. Where there is none (Node, private mode), nothing is kept and nothing fails. */
export interface FileCache {
  read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>
  write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>
  delete(key: string): Promise<void>
}

/** Opens the cache. `caches` is the platform's, or undefined where it has none. */
export async function openFileCache(caches: CacheStorage | undefined): Promise<FileCache> {
  const cache = await open(caches)
  if (cache === undefined)
    return { read: () => Promise.resolve(undefined), write: () => Promise.resolve(), delete: () => Promise.resolve() }
  return {
    async read(key) {
      const response = await cache.match(urlOf(key)).catch(() => undefined)
      if (response === undefined) return undefined
      const bytes = await response.arrayBuffer().catch(() => undefined)
      if (bytes !== undefined && String(bytes.byteLength) === response.headers.get(BYTES)) return new Uint8Array(bytes)
      await cache.delete(urlOf(key))
      return undefined
    },
    async write(key, bytes) {
      try {
        await cache.put(urlOf(key), new Response(bytes, { headers: { [BYTES]: String(bytes.byteLength) } }))
      } catch {
        // a full or read-only disk costs the next start a download, not this one its model
        await cache.delete(urlOf(key)).catch(() => false)
      }
    },
    async delete(key) {
      await cache.delete(urlOf(key)).catch(() => false)
    },
  }
}

async function open(caches: CacheStorage | undefined): Promise<Cache | undefined> {
  if (caches === undefined) return undefined
  try {
    const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== NAME)
    await Promise.all(old.map((name) => caches.delete(name)))
    return await caches.open(NAME)
  } catch {
    return undefined
  }
}

/** The Cache API takes http(s) URLs only. This host can exist nowhere (RFC 2606). */
function urlOf(key: string): string {
  return `https://models.invalid/${encodeURIComponent(key)}`
}
