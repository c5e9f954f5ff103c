import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { exactKey } from '../../../src/cache/exact-key.ts'

const base = { task: 'triage', version: 1, hash: 'h', modelSet: ['a', 'b'], input: { message: 'hi' }, context: [] as unknown }

test('is SHA-256 in hex, and the same for members in another order', async () => {
  const key = await exactKey({ ...base, input: { a: 1, b: { c: 2, d: [3] } } })
  expect(key).toMatch(/^[0-9a-f]{64}$/)
  expect(await exactKey({ ...base, input: { b: { d: [3], c: 2 }, a: 1 } })).toBe(key)
  expect(await exactKey({ ...base, input: { a: 1, b: { c: 2, d: [3] }, e: undefined } })).toBe(key)
})

test('every part of the request changes the key', async () => {
  const others = [
    { task: 'extract' },
    { version: 2 },
    { hash: 'i' },
    { modelSet: ['a'] },
    { modelSet: ['b', 'a'] },
    { input: { message: 'hi ' } },
    { context: [{ role: 'user', content: 'before' }] },
  ]
  const keys = await Promise.all([base, ...others.map((other) => ({ ...base, ...other }))].map(exactKey))
  expect(new Set(keys).size).toBe(others.length + 1)
})

test('values that JSON would blur have keys of their own', async () => {
  class Point {
    readonly x: number
    constructor(x: number) {
      this.x = x
    }
  }
  const inputs: readonly unknown[] = [
    null,
    undefined,
    Number.NaN,
    Infinity,
    0,
    '0',
    0n,
    'NaN',
    [],
    {},
    [null],
    [undefined],
    new Map(),
    new Map([['a', 1]]),
    new Map([['a', 2]]),
    new Set(),
    new Set(['a']),
    { a: 1 },
    new Date(0),
    new Date(1),
    new Date(0).toISOString(),
    Uint8Array.of(1, 2),
    Uint8Array.of(1, 3),
    Int8Array.of(1, 2),
    [1, 2],
    { x: 1 },
    new Point(1),
    new Point(2),
    { '': 'NaN', b: 1 },
    { '': 'undefined' },
    { '': ['Map'] },
    new URL('https://example.org/a'),
    new URL('https://example.org/b'),
  ]
  const keys = await Promise.all(inputs.map((input) => exactKey({ ...base, input })))
  expect(new Set(keys).size).toBe(inputs.length)
})

test('equal JSON has equal keys, other JSON has others', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (a, b) => {
      const [first, copy, second] = await Promise.all([a, structuredClone(a), b].map((input) => exactKey({ ...base, input })))
      expect(copy).toBe(first)
      expect(second === first).toBe(sameJson(a, b))
    }),
    { numRuns: 200 },
  )
})

test.each([
  ['a function', () => 1],
  ['a symbol', { a: Symbol('s') }],
  ['a RegExp', /a/],
  ['a Blob', new Blob(['a'])],
])('%s is refused, for want of a value', async (what, input) => {
  const key = async (): Promise<string> => exactKey({ ...base, input })
  await expect(key()).rejects.toMatchObject({ code: 'invalid-input', message: expect.stringContaining(what) })
})

test('a cycle is refused; the same object twice is not a cycle', async () => {
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  const key = async (input: unknown): Promise<string> => exactKey({ ...base, input })
  await expect(key(cycle)).rejects.toMatchObject({ code: 'invalid-input' })
  const shared = { a: 1 }
  expect(await key([shared, shared])).toBe(await key([{ a: 1 }, { a: 1 }]))
})

function sameJson(a: unknown, b: unknown): boolean {
  try {
    // -0 is 0 in JSON.
    expect(JSON.parse(JSON.stringify(a))).toEqual(JSON.parse(JSON.stringify(b)))
    return true
  } catch {
    return false
  }
}
