import { expect, test } from 'vitest'

import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { openStore } from '../../../src/store/open-store.ts'

test('without IndexedDB there is a memory store, and the app is told', async () => {
  const told: { readonly code: string; readonly message: string }[] = []
  const store = await openStore({ name: 'none', onFallback: ({ code, message }) => told.push({ code, message }) })
  expect(told).toEqual([{ code: 'store-unavailable', message: 'There is no IndexedDB here.' }])
  expect(store.kind).toEqual({ name: 'memory', reason: 'There is no IndexedDB here.' })
})

test('a memory store that is closed waits for what is under way', async () => {
  const store = createMemoryStore()
  let written = false
  void store.write(['loads'], async (tx) => {
    await tx.count('loads')
    written = true
  })
  await store.close()
  expect(written).toBe(true)
})
