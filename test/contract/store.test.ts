import { deleteDB } from 'idb'
import { expect, test } from 'vitest'
import * as fc from 'fast-check'

import { openIndexedDbStore } from '../../src/store/indexeddb-store.ts'
import { compareKeys, isKey } from '../../src/store/keys.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { describeStore } from './store.ts'

let made = 0

describeStore('IndexedDB', async ({ deadline }) => {
  const name = `contract-${made++}`
  await deleteDB(name)
  const store = await openIndexedDbStore({ name, indexedDB, deadline })
  return {
    store,
    dispose: async () => {
      await store.close()
      await deleteDB(name)
    },
  }
})

describeStore('memory', async ({ deadline }) => {
  const store = createMemoryStore({ deadline })
  return { store, dispose: () => store.close() }
})

test('keys compare as `indexedDB.cmp` says', () => {
  const leaf = fc.oneof(
    fc.double(),
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.constantFrom<unknown>(null, undefined, true, {}),
  )
  const value = fc.oneof(leaf, fc.array(fc.oneof(leaf, fc.array(leaf, { maxLength: 2 })), { maxLength: 4 }))
  fc.assert(
    fc.property(value, value, (a, b) => {
      if (!isKey(a) || !isKey(b)) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the point is that it is not one
        expect(() => indexedDB.cmp(a as IDBValidKey, b as IDBValidKey)).toThrow('valid key')
        return
      }
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the DOM's type for a key has no readonly arrays
      expect(Math.sign(compareKeys(a, b))).toBe(indexedDB.cmp(a as IDBValidKey, b as IDBValidKey))
    }),
    { numRuns: 500 },
  )
})
