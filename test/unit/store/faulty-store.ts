import type { CollectionName, Store, TransactOptions } from '../../../src/contracts/store.ts'
import { StoreError } from '../../../src/errors/store-error.ts'

export interface Asked {
  readonly mode: 'read' | 'write'
  readonly names: readonly CollectionName[]
  readonly durability?: TransactOptions['durability']
}

/** `store`, but whatever `fault` names fails instead. `asked` has every transaction, in order. */
export function faulty(
  store: Store,
  fault: (asked: Asked) => StoreError | undefined,
): { readonly store: Store; readonly asked: Asked[] } {
  const asked: Asked[] = []
  const check = (transaction: Asked): void => {
    asked.push(transaction)
    const error = fault(transaction)
    if (error !== undefined) throw error
  }
  return {
    asked,
    store: {
      ...store,
      read: async (names, work) => {
        check({ mode: 'read', names })
        return store.read(names, work)
      },
      write: async (names, work, options) => {
        check({ mode: 'write', names, durability: options?.durability })
        return store.write(names, work, options)
      },
    },
  }
}

export const broken: StoreError = new StoreError('store-failed', 'the disk is on fire')
export const full: StoreError = new StoreError('store-quota', 'the disk is full')
