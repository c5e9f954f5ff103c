import { beforeEach, expect, test } from 'vitest'

import type { LedgerEntry } from '../../../src/contracts/records.ts'
import type { Store } from '../../../src/contracts/store.ts'
import { createLedger, type Ledger } from '../../../src/ledger/ledger.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { broken, faulty } from '../store/faulty-store.ts'

let store: Store
let ledger: Ledger

beforeEach(() => {
  store = createMemoryStore()
  ledger = createLedger({ store })
})

const entry = (id: string, at: number, facts: Partial<LedgerEntry> = {}): LedgerEntry => ({
  id,
  request: 'r1',
  at,
  task: 'triage',
  settled: 'frontier',
  reason: 'score-above-threshold',
  redacted: { email: 1 },
  model: 'big',
  bytesSent: 100,
  bytesReceived: 50,
  promptTokens: 20,
  completionTokens: 10,
  money: 0.25,
  ...facts,
})

test('entries are listed oldest first, from a time on', async () => {
  await ledger.append(entry('b', 2))
  await ledger.append(entry('a', 3))
  await ledger.append(entry('c', 1))
  expect((await ledger.list()).map(({ id }) => id)).toEqual(['c', 'b', 'a'])
  expect((await ledger.list({ since: 2 })).map(({ id }) => id)).toEqual(['b', 'a'])
})

test('an append is on disk before it resolves', async () => {
  const { store: seen, asked } = faulty(store, () => undefined)
  await createLedger({ store: seen }).append(entry('a', 1))
  expect(asked).toEqual([{ mode: 'write', names: ['ledger'], durability: 'strict' }])
})

test('nothing is rewritten: the same entry twice is one, another under its id is refused', async () => {
  await ledger.append(entry('a', 1))
  await ledger.append(entry('a', 1))
  await expect(ledger.append(entry('a', 1, { money: 0 }))).rejects.toMatchObject({ code: 'invalid-option' })
  expect(await ledger.list()).toEqual([entry('a', 1)])
})

test('totals add up what there is, from a time on', async () => {
  await ledger.append(entry('a', 1))
  await ledger.append(entry('b', 2, { money: 0.5, bytesSent: 1 }))
  expect(await ledger.totals()).toEqual({
    entries: 2,
    money: 0.75,
    bytesSent: 101,
    bytesReceived: 100,
    promptTokens: 40,
    completionTokens: 20,
  })
  expect(await ledger.totals({ since: 2 })).toMatchObject({ entries: 1, money: 0.5 })
  expect(await ledger.totals({ since: 3 })).toEqual({
    entries: 0,
    money: 0,
    bytesSent: 0,
    bytesReceived: 0,
    promptTokens: 0,
    completionTokens: 0,
  })
})

test('CSV has a header, RFC 4180 quotes, and an ISO time', async () => {
  await ledger.append(entry('a', 0, { reason: 'said "no", twice\nor more', model: undefined }))
  const csv = await ledger.toCsv()
  expect(csv).toBe(
    'id,request,at,task,settled,reason,redacted,model,bytesSent,bytesReceived,promptTokens,completionTokens,money\r\n' +
      'a,r1,1970-01-01T00:00:00.000Z,triage,frontier,"said ""no"", twice\nor more","{""email"":1}",,100,50,20,10,0.25\r\n',
  )
})

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1'])('no cell of the CSV is a formula: %j', async (reason) => {
  await ledger.append(entry('a', 0, { reason, model: reason }))
  const csv = await ledger.toCsv()
  expect(csv).toContain(`,"'${reason}",`)
  expect(csv).not.toContain(`,${reason}`)
})

test('numbers stay numbers', async () => {
  await ledger.append(entry('a', 0, { money: -0.5 }))
  expect(await ledger.toCsv()).toContain(',-0.5\r\n')
})

test('JSON is the entries', async () => {
  await ledger.append(entry('a', 1))
  await ledger.append(entry('b', 2))
  expect(JSON.parse(await ledger.toJson({ since: 2 }))).toEqual([entry('b', 2)])
})

test('a store that fails is an error', async () => {
  const { store: bad } = faulty(store, () => broken)
  await expect(createLedger({ store: bad }).append(entry('a', 1))).rejects.toBe(broken)
})
