import { expect, test } from 'vitest'

import { StopFilter, TextStream } from '../../../workers/backends/text-stream.ts'
import { byteTokenizer } from './fakes.ts'

test('text comes in whole characters, and all of it', () => {
  const text = 'aé配🎉👨‍👩‍👧 b'
  const stream = new TextStream(byteTokenizer)
  const pieces = byteTokenizer.encode(text).map((token) => stream.push(token))
  expect(pieces.join('') + stream.end()).toBe(text)
  expect(pieces.every((piece) => !piece.includes('\u{FFFD}'))).toBe(true)
  expect(pieces.slice(0, 3)).toEqual(['a', '', 'é'])
})

test('an answer that ends within a character shows so', () => {
  const stream = new TextStream(byteTokenizer)
  const [first = 0, second = 0] = byteTokenizer.encode('配')
  expect([stream.push(first), stream.push(second), stream.end()]).toEqual(['', '', '\u{FFFD}'])
})

test.each([
  ['within one piece', ['one STOP two'], 'one '],
  ['over three pieces', ['one S', 'TO', 'P two'], 'one '],
  ['after a false start', ['ST', 'OST', 'OP!'], 'STO'],
  ['the first of several', ['a\n', '\nb STOP'], 'a'],
  ['at the very start', ['STOP'], ''],
])('a stop string is found %s', (_where, pieces, text) => {
  const filter = new StopFilter(['STOP', '\n\n'])
  let shown = ''
  let stopped = false
  for (const piece of pieces) {
    const result = filter.push(piece)
    shown += result.text
    stopped ||= result.stopped
  }
  expect({ shown, stopped }).toEqual({ shown: text, stopped: true })
})

test('text that only looked like a stop string is shown in the end', () => {
  const filter = new StopFilter(['STOP'])
  expect([filter.push('go ST').text, filter.push('O').text, filter.end()]).toEqual(['go ', '', 'STO'])
})
