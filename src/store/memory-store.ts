import type { CollectionName, Collections, Range, Store, Transaction } from '../contracts/store.ts'
import { StoreError } from '../errors/store-error.ts'
import { TimeoutError } from '../errors/timeout-error.ts'
import { withDeadline } from '../utils/deadline.ts'
import { storeFailure, unavailable } from './failure.ts'
import { COLLECTIONS } from './schema.ts'
import { Table } from './table.ts'

export interface MemoryOptions {
  /** Why there is nothing better: a sentence for the app's users. */
  readonly reason?: string | undefined
  /** Milliseconds for one transaction. Default 30,000. */
  readonly deadline?: number | undefined
}

type Tables = { readonly [N in CollectionName]: Table<Collections[N]> }

/** A store that lives as long as the page, with the semantics of the IndexedDB store. Transactions run one after the other. */
export function createMemoryStore({ reason = 'asked for', deadline = 30_000 }: MemoryOptions = {}): Store {
  const tables: Tables = {
    threads: new Table(COLLECTIONS.threads),
    messages: new Table(COLLECTIONS.messages),
    cache: new Table(COLLECTIONS.cache),
    outcomes: new Table(COLLECTIONS.outcomes),
    calibrators: new Table(COLLECTIONS.calibrators),
    outbox: new Table(COLLECTIONS.outbox),
    ledger: new Table(COLLECTIONS.ledger),
    loads: new Table(COLLECTIONS.loads),
  }
  let last: Promise<unknown> = Promise.resolve()
  let closed = false

  const transact = <T>(
    names: readonly CollectionName[],
    writable: boolean,
    work: (tx: MemoryTransaction) => Promise<T>,
  ): Promise<T> => {
    if (closed) return Promise.reject(unavailable('The store was closed.'))
    const turn = last.then(async () => {
      const tx = new MemoryTransaction(tables, names, writable)
      try {
        if (names.length === 0) throw storeFailure('it names no collection', 'a transaction')
        const value = await withDeadline(work(tx), 'a storage transaction', deadline)
        if (tx.failure !== undefined) throw tx.failure
        return value
      } catch (error) {
        tx.rollBack()
        if (error instanceof TimeoutError) {
          throw new StoreError('store-failed', error.message, { cause: error, retryable: true, details: error.details })
        }
        throw tx.failure ?? error
      } finally {
        tx.end()
      }
    })
    last = turn.catch(() => undefined)
    return turn
  }

  return {
    kind: { name: 'memory', reason },
    read: (names, work) => transact(names, false, work),
    write: (names, work) => transact(names, true, work),
    clear: (names = allNames(tables)) => transact(names, true, (tx) => tx.clear()),
    close: async () => {
      closed = true
      await last
    },
  }
}

/** Keeps how to undo what it did. The first failed call fails the transaction, also where `work` goes on after it. */
class MemoryTransaction implements Transaction {
  readonly #tables: Tables
  readonly #names: readonly CollectionName[]
  readonly #writable: boolean
  readonly #undo: (() => void)[] = []
  #ended = false
  failure: StoreError | undefined

  constructor(tables: Tables, names: readonly CollectionName[], writable: boolean) {
    this.#tables = tables
    this.#names = names
    this.#writable = writable
  }

  async get<N extends CollectionName>(name: N, id: string): Promise<Collections[N] | undefined> {
    return this.#call(`reading ${name}`, name, () => structuredClone(this.#tables[name].get(id)))
  }

  async put<N extends CollectionName>(name: N, record: Collections[N]): Promise<void> {
    this.#change(`writing ${name}`, name, () => {
      if (typeof record.id !== 'string') throw new Error('the id is not a string')
      return this.#tables[name].replace(record.id, structuredClone(record))
    })
  }

  async delete(name: CollectionName, id: string): Promise<void> {
    this.#change(`deleting from ${name}`, name, () => this.#tables[name].replace(id, undefined))
  }

  async count(name: CollectionName): Promise<number> {
    return this.#call(`counting ${name}`, name, () => this.#tables[name].size)
  }

  async list<N extends CollectionName>(name: N, index: string, range: Range = {}): Promise<readonly Collections[N][]> {
    return this.#call(`listing ${name}`, name, () => structuredClone(this.#tables[name].list(index, range)))
  }

  async clear(): Promise<void> {
    for (const name of this.#names) {
      for (const id of this.#tables[name].ids()) await this.delete(name, id)
    }
  }

  rollBack(): void {
    for (const undo of this.#undo.toReversed()) undo()
    this.#undo.length = 0
  }

  end(): void {
    this.#ended = true
  }

  #change(doing: string, name: CollectionName, change: () => () => void): void {
    this.#call(doing, name, () => {
      if (!this.#writable) throw new Error('this transaction is for reading')
      this.#undo.push(change())
    })
  }

  #call<T>(doing: string, name: CollectionName, work: () => T): T {
    try {
      if (this.#ended) throw new Error('the transaction has ended')
      if (!this.#names.includes(name)) throw new Error('the transaction does not cover it')
      return work()
    } catch (error) {
      const failure = storeFailure(error, doing)
      this.failure ??= failure
      throw failure
    }
  }
}

function allNames(tables: Tables): readonly CollectionName[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type of the tables is exactly this
  return Object.keys(tables) as CollectionName[]
}
