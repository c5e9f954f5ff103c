import type { MessageRecord, ThreadRecord } from '../contracts/records.ts'
import type { Store, Transaction } from '../contracts/store.ts'

export interface ThreadsOptions {
  readonly store: Store
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly newId: () => string
}

export type NewMessage = Pick<MessageRecord, 'role' | 'content' | 'source'>

export interface Page {
  /** Default 50. */
  readonly limit?: number | undefined
  /** A `sequence`: only messages before it. */
  readonly before?: number | undefined
}

/** Persisted conversations. Everything rejects with a StoreError where storage fails. What a turn costs does not grow with its history. */
export interface Threads {
  create(thread?: { readonly id?: string | undefined; readonly title?: string | undefined }): Promise<ThreadRecord>
  get(id: string): Promise<ThreadRecord | undefined>
  /** The latest used first. */
  list(page?: { readonly limit?: number | undefined }): Promise<readonly ThreadRecord[]>
  /** `undefined` for a thread that is not there, perhaps no longer. */
  rename(id: string, title: string): Promise<ThreadRecord | undefined>
  /** The thread and its messages. */
  delete(id: string): Promise<void>
  /** All of them or none, in order, after what is there. A thread that is not there is made. */
  append(threadId: string, messages: readonly NewMessage[]): Promise<readonly MessageRecord[]>
  /** The last messages, or the last before a sequence number; oldest first, the newest at the end. */
  messages(threadId: string, page?: Page): Promise<readonly MessageRecord[]>
}

/** Threads in the store's collections `threads` and `messages`. */
export function createThreads({ store, now, newId }: ThreadsOptions): Threads {
  const newThread = (id: string, title: string): ThreadRecord => ({ id, title, createdAt: now(), updatedAt: now() })

  return {
    create: ({ id = newId(), title = '' } = {}) =>
      store.write(['threads'], async (tx) => {
        const known = await tx.get('threads', id)
        if (known !== undefined) return known
        const made = newThread(id, title)
        await tx.put('threads', made)
        return made
      }),
    get: (id) => store.read(['threads'], (tx) => tx.get('threads', id)),
    list: ({ limit } = {}) => store.read(['threads'], (tx) => tx.list('threads', 'updatedAt', { descending: true, limit })),
    rename: (id, title) =>
      store.write(['threads'], async (tx) => {
        const known = await tx.get('threads', id)
        if (known === undefined) return undefined
        const renamed = { ...known, title }
        await tx.put('threads', renamed)
        return renamed
      }),
    delete: (id) =>
      store.write(['threads', 'messages'], async (tx) => {
        await tx.delete('threads', id)
        const messages = await tx.list('messages', 'thread', { from: [id], to: [id, []] })
        await Promise.all(messages.map((message) => tx.delete('messages', message.id)))
      }),
    append: (threadId, messages) =>
      store.write(['threads', 'messages'], async (tx) => {
        const at = now()
        const thread = (await tx.get('threads', threadId)) ?? newThread(threadId, '')
        const first = await nextSequence(tx, threadId)
        const records = messages.map((message, i) => ({ ...message, id: newId(), threadId, sequence: first + i, createdAt: at }))
        await tx.put('threads', { ...thread, updatedAt: at })
        await Promise.all(records.map((record) => tx.put('messages', record)))
        return records
      }),
    messages: (threadId, { limit = 50, before } = {}) =>
      store.read(['messages'], async (tx) => {
        // Sequences have no gaps, so the page's bounds are known and it is one ranged read, where walking back is one read a message.
        const end = before ?? (await nextSequence(tx, threadId))
        if (limit <= 0 || end <= 0) return []
        return tx.list('messages', 'thread', { from: [threadId, end - limit], to: [threadId, end - 1] })
      }),
  }
}

/** From the index's last key: the messages before are not read. `[]` comes after every number. */
async function nextSequence(tx: Transaction, threadId: string): Promise<number> {
  const [last] = await tx.list('messages', 'thread', { from: [threadId], to: [threadId, []], descending: true, limit: 1 })
  return last === undefined ? 0 : last.sequence + 1
}
