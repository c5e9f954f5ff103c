import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { objectEnd, readJson } from '../../../src/task/read-json.ts'

describe('readJson', () => {
  it('reads any object back, whatever stands around it', () => {
    const word = fc.string().filter((text) => !text.includes('{'))
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string().filter((key) => key !== '__proto__'),
          fc.jsonValue(),
        ),
        word,
        fc.string(),
        (value, before, after) => {
          const result = readJson(`${before}${JSON.stringify(value)}${after}`)
          expect(result).toEqual({ ok: true, value: JSON.parse(JSON.stringify(value)) as unknown })
        },
      ),
    )
  })

  it.each([
    ['```json\n{"a": 1}\n```', { a: 1 }],
    ['Sure! {"a": "x}y", "b": [1, 2,],} Hope it helps {', { a: 'x}y', b: [1, 2] }],
    ['{"a": None, "b": True, "c": False}', { a: null, b: true, c: false }],
    ['{"a": "None, True,}", "b": null}', { a: 'None, True,}', b: null }],
    ['{"a": "one\ntwo"}', { a: 'one\ntwo' }],
  ])('takes %j', (text, value) => {
    expect(readJson(text)).toEqual({ ok: true, value })
  })

  it.each([
    ['no object here', 'there is no JSON object in the answer'],
    ['{"a": "x"', 'the JSON object is not closed'],
    ['{"a": "x', 'the JSON object is not closed'],
    ['{"a": }', 'the JSON object is not well-formed'],
    ['{a: 1}', 'the JSON object is not well-formed'],
    ['{"a" "b"}', 'the JSON object is not well-formed'],
    ["{'a': 'b'}", 'the JSON object is not well-formed'],
  ])('makes nothing up for %j', (text, problem) => {
    expect(readJson(text)).toEqual({ ok: false, problem })
  })
})

describe('objectEnd', () => {
  it('is undefined for every proper beginning of an object', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.double({ min: 0, max: 1, noNaN: true }), (value, share) => {
        const text = JSON.stringify(value)
        const length = Math.floor(share * (text.length - 1))
        return objectEnd(text, 0) === text.length && objectEnd(text.slice(0, length), 0) === undefined
      }),
    )
  })
})
