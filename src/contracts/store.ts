import type { LoadReport } from './models.ts'
import type {
  CacheEntry,
  LedgerEntry,
  MessageRecord,
  OutboxEntry,
  OutcomeRecord,
  StoredCalibrator,
  ThreadRecord,
} from './records.ts'

/** Collections: name -> record. The key path and the indexes stand in `COLLECTIONS` of `src/store/schema.ts`. */
export interface Collections {
  threads: ThreadRecord
  messages: MessageRecord
  cache: CacheEntry
  outcomes: OutcomeRecord
  calibrators: StoredCalibrator
  outbox: OutboxEntry
  ledger: LedgerEntry
  loads: LoadReport & { readonly id: string; readonly at: number }
}

export type CollectionName = keyof Collections

export interface Range {
  /** Inclusive bounds on the index's key. */
  readonly from?: IDBValidKey | undefined
  readonly to?: IDBValidKey | undefined
  readonly descending?: boolean | undefined
  readonly limit?: number | undefined
}

/** Reads and writes inside one transaction: all of it happens or none. Await nothing but its own calls in between. */
export interface Transaction {
  get<N extends CollectionName>(name: N, id: string): Promise<Collections[N] | undefined>
  put<N extends CollectionName>(name: N, record: Collections[N]): Promise<void>
  delete(name: CollectionName, id: string): Promise<void>
  /** Records in the index's order; `id` is an index everywhere. */
  list<N extends CollectionName>(name: N, index: string, range?: Range): Promise<readonly Collections[N][]>
  count(name: CollectionName): Promise<number>
}

export interface TransactOptions {
  /** `strict`: on disk before it resolves (outbox, ledger). Default `relaxed`. */
  readonly durability?: 'strict' | 'relaxed' | undefined
}

/** Keyed records with indexes. Everything rejects with a `store-*` error; nothing hangs. */
export interface Store {
  /** `indexeddb`, or `memory` with the reason why (private mode, storage blocked): then nothing outlives the page. */
  readonly kind: { readonly name: 'indexeddb' } | { readonly name: 'memory'; readonly reason: string }
  /** `work` may run a second time, after a lost connection took all of the first run back: what else it does must bear that. */
  read<T>(names: readonly CollectionName[], work: (tx: Transaction) => Promise<T>): Promise<T>
  write<T>(names: readonly CollectionName[], work: (tx: Transaction) => Promise<T>, options?: TransactOptions): Promise<T>
  clear(names?: readonly CollectionName[]): Promise<void>
  close(): Promise<void>
}
