import type { Range } from '../contracts/store.ts'
import { isRecord } from '../utils/json.ts'
import { compareKeys, isKey, type Key } from './keys.ts'
import type { Indexes } from './schema.ts'

interface Entry<R> {
  readonly key: Key
  readonly record: R
}

/** One collection in memory: each index is an array in IndexedDB's order, searched by halving. Records are not copied here. */
export class Table<R extends { readonly id: string }> {
  readonly #records = new Map<string, R>()
  readonly #indexes = new Map<string, { readonly path: string | readonly string[]; readonly entries: Entry<R>[] }>()

  constructor(indexes: Indexes) {
    for (const [name, path] of Object.entries({ ...indexes, id: 'id' })) this.#indexes.set(name, { path, entries: [] })
  }

  get size(): number {
    return this.#records.size
  }

  get(id: string): R | undefined {
    return this.#records.get(id)
  }

  /** Puts `record` in the place of what has this id, or nothing. Calling what comes back takes it back. */
  replace(id: string, record: R | undefined): () => void {
    const before = this.#records.get(id)
    if (before !== undefined) this.#remove(before)
    if (record !== undefined) this.#insert(record)
    return () => this.replace(id, before)
  }

  ids(): readonly string[] {
    return [...this.#records.keys()]
  }

  list(index: string, { from, to, descending = false, limit = Infinity }: Range): readonly R[] {
    const entries = this.#indexes.get(index)?.entries
    if (entries === undefined) throw new Error(`there is no index ${index}`)
    if ((from !== undefined && !isKey(from)) || (to !== undefined && !isKey(to))) throw new Error('a bound is not a valid key')
    const start = from === undefined ? 0 : first(entries, (entry) => compareKeys(entry.key, from) >= 0)
    const end = to === undefined ? entries.length : first(entries, (entry) => compareKeys(entry.key, to) > 0)
    const count = Math.max(0, Math.min(end - start, limit))
    const found = descending ? entries.slice(Math.max(start, end - count), end).toReversed() : entries.slice(start, start + count)
    return found.map((entry) => entry.record)
  }

  #insert(record: R): void {
    this.#records.set(record.id, record)
    for (const { path, entries } of this.#indexes.values()) {
      const key = keyAt(record, path)
      if (key !== undefined) entries.splice(position(entries, key, record.id), 0, { key, record })
    }
  }

  #remove(record: R): void {
    this.#records.delete(record.id)
    for (const { path, entries } of this.#indexes.values()) {
      const key = keyAt(record, path)
      if (key !== undefined) entries.splice(position(entries, key, record.id), 1)
    }
  }
}

/** Where an entry of this key is, or belongs: equal keys are in the order of their records' ids. */
function position<R extends { readonly id: string }>(entries: readonly Entry<R>[], key: Key, id: string): number {
  return first(entries, (entry) => (compareKeys(entry.key, key) || compareKeys(entry.record.id, id)) >= 0)
}

/** The first position that `holds`, for an array in which all that hold come after all that do not. */
function first<T>(items: readonly T[], holds: (item: T) => boolean): number {
  let [low, high] = [0, items.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const item = items[middle]
    if (item !== undefined && holds(item)) high = middle
    else low = middle + 1
  }
  return low
}

function keyAt(record: unknown, path: string | readonly string[]): Key | undefined {
  if (!isRecord(record)) return undefined
  const key = typeof path === 'string' ? record[path] : path.map((name) => record[name])
  return isKey(key) ? key : undefined
}
