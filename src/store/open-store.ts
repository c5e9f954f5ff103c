import type { Store } from '../contracts/store.ts'
import type { StoreError } from '../errors/store-error.ts'
import { storeFailure, unavailable } from './failure.ts'
import { openIndexedDbStore } from './indexeddb-store.ts'
import { createMemoryStore } from './memory-store.ts'

export interface OpenStoreOptions {
  /** The database's name. */
  readonly name: string
  /** Default: the page's own. */
  readonly indexedDB?: IDBFactory | undefined
  /** Milliseconds to wait for the database. Default 5,000. */
  readonly openDeadline?: number | undefined
  /** Called when nothing will outlive the page, with the reason. */
  readonly onFallback?: ((reason: StoreError) => void) | undefined
}

/** IndexedDB where it can be had in time, memory where not (private mode, storage blocked, no such thing). Never rejects. */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const { name, indexedDB = pageDatabase(), openDeadline, onFallback } = options
  try {
    if (indexedDB === undefined) throw unavailable('There is no IndexedDB here.')
    return await openIndexedDbStore({ name, indexedDB, openDeadline })
  } catch (error) {
    const reason = storeFailure(error, 'opening the store')
    onFallback?.(reason)
    return createMemoryStore({ reason: reason.message })
  }
}

/** Some browsers throw at the mere mention of it where storage is blocked. */
function pageDatabase(): IDBFactory | undefined {
  try {
    return globalThis.indexedDB
  } catch {
    return undefined
  }
}
