import type { CacheEntry } from '../contracts/records.ts'
import type { Stages } from '../contracts/stages.ts'
import type { Store, Transaction } from '../contracts/store.ts'
import { isTransaxleError } from '../errors/base.ts'
import { StoreError } from '../errors/store-error.ts'
import { canonicalJson } from '../utils/json.ts'

export interface ExactCacheOptions {
  readonly store: Store
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Default 1,000. */
  readonly maxEntries?: number | undefined
  /** Over all entries, as UTF-8 JSON. Default 8 MiB. Other tabs' writes are seen at each tidying, so each tab may add to it. */
  readonly maxBytes?: number | undefined
  /** Milliseconds; older entries are not given out. Default 30 days. */
  readonly maxAgeMs?: number | undefined
}

export interface ExactCache {
  /** A miss where there is nothing, where it is too old, and where the store fails: a cache never breaks a request. */
  readonly lookup: Stages['cache']['lookup']
  /** @throws StoreError where it cannot be kept: storage failed, or it is not plain data. A value larger than the whole cache is left out without a word. */
  put(entry: Pick<CacheEntry, 'id' | 'task' | 'value' | 'source'>): Promise<void>
  /** Deletes the least recently used share of it, in (0, 1]: room for what matters more. */
  evict(share: number): Promise<void>
  clear(): Promise<void>
}

/** Tidying goes this far below the bounds, so that the next puts need none. */
const SLACK = 0.9
/** Own puts after which the sizes are read again: they are counted here, and other tabs count for themselves. */
const RECOUNT_AFTER = 100

/** Answers by exact key, the least recently used ones dropped first. */
export function createExactCache(options: ExactCacheOptions): ExactCache {
  const { store, now, maxEntries = 1000, maxBytes = 8 * 2 ** 20, maxAgeMs = 30 * 86_400_000 } = options
  /** Bytes as last read, with own puts since. Infinity: unknown, read first. */
  let bytes = Infinity
  let puts = 0

  const add = (entry: CacheEntry): Promise<void> =>
    store.write(['cache'], async (tx) => {
      await tx.put('cache', entry)
      bytes += entry.bytes
      puts += 1
      if (bytes > maxBytes || puts > RECOUNT_AFTER || (await tx.count('cache')) > maxEntries) await tidy(tx)
    })

  const tidy = async (tx: Transaction): Promise<void> => {
    const entries = await tx.list('cache', 'usedAt')
    const young = entries.filter((entry) => now() - entry.createdAt <= maxAgeMs)
    let total = young.reduce((sum, entry) => sum + entry.bytes, 0)
    const over = total > maxBytes || young.length > maxEntries
    let left = young.length
    const kept = new Set(young)
    for (const entry of young) {
      if (!over || (total <= maxBytes * SLACK && left <= maxEntries * SLACK) || left === 1) break
      kept.delete(entry)
      total -= entry.bytes
      left -= 1
    }
    for (const entry of entries) if (!kept.has(entry)) await tx.delete('cache', entry.id)
    bytes = total
    puts = 0
  }

  const touch = (id: string): Promise<void> =>
    store.write(['cache'], async (tx) => {
      const entry = await tx.get('cache', id)
      if (entry !== undefined) await tx.put('cache', { ...entry, usedAt: now() })
    })

  const evict = (share: number): Promise<void> =>
    store.write(['cache'], async (tx) => {
      const entries = await tx.list('cache', 'usedAt', { limit: Math.ceil((await tx.count('cache')) * share) })
      for (const { id } of entries) await tx.delete('cache', id)
      bytes = Infinity
    })

  return {
    evict,
    lookup: async (key) => {
      const entry = await store.read(['cache'], (tx) => tx.get('cache', key)).catch(() => undefined)
      if (entry === undefined || now() - entry.createdAt > maxAgeMs) return undefined
      // Not waited for: the answer is there. A failed one leaves the entry a little older than it is.
      touch(key).catch(() => undefined)
      return { value: entry.value, source: entry.source, createdAt: entry.createdAt }
    },
    put: async (given) => {
      const at = now()
      const entry: CacheEntry = { ...given, bytes: sizeOf(given.value), createdAt: at, usedAt: at }
      if (entry.bytes > maxBytes) return
      try {
        await add(entry)
      } catch (error) {
        bytes = Infinity
        if (!isTransaxleError(error) || error.code !== 'store-quota') throw error
        await evict(0.5)
        await add(entry)
      }
    },
    clear: async () => {
      await store.clear(['cache'])
      bytes = 0
    },
  }
}

/** Bytes of a value as UTF-8 JSON. */
function sizeOf(value: unknown): number {
  try {
    return new TextEncoder().encode(canonicalJson(value)).length
  } catch (cause) {
    throw new StoreError('store-failed', 'Only values that JSON can carry can be cached.', { cause })
  }
}
