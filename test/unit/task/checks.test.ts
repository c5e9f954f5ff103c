import { describe, expect, it } from 'vitest'

import type { Check } from '../../../src/contracts/task.ts'
import {
  endsProperly,
  maxLength,
  noInventedNumbers,
  noPlaceholders,
  noRefusal,
  notEmpty,
  type Text,
} from '../../../src/task/checks.ts'
import { isGrounded, quotedStrings } from '../../../src/task/grounding.ts'

const holds = async (check: Check<string, Text>, text: string, input = ''): Promise<boolean> =>
  (await check.judge({ text }, input)) === undefined

describe('the checks of written text', () => {
  it.each<[Check<string, Text>, string, boolean]>([
    [notEmpty(), ' …\n', false],
    [notEmpty(), 'Да.', true],
    [maxLength(5), 'abcdef', false],
    [maxLength(6), 'abcdef', true],
    [noPlaceholders(), 'Dear [Customer Name], hello.', false],
    [noPlaceholders(), 'Hello {{name}}.', false],
    [noPlaceholders(), 'Your order is XXXX.', false],
    [noPlaceholders(), 'Regards,\n____', false],
    [noPlaceholders(), 'We have it in XL and XXL, see 5 < 6.', true],
    [noRefusal(), 'As an AI language model, I cannot do that.', false],
    [noRefusal(), 'I’m an AI.', false],
    [noRefusal(), 'I cannot help you with this refund before it has arrived.', true],
    [endsProperly(), 'We have sent it and will', false],
    [endsProperly(), 'We have sent it today.', true],
    [endsProperly(), 'We have sent it today.\n\nBest regards\nThe Team', true],
    [endsProperly(), 'We have sent it today.\n\nBest regards,', false],
    [endsProperly(), 'We have sent your parcel today. We have sent your parcel today. Bye.', false],
  ])('%o of %j', async (check, text, expected) => {
    expect(await holds(check, text)).toBe(expected)
  })

  it('lets no number or address through that stands nowhere', async () => {
    const check = noInventedNumbers<string>(
      (input) => input,
      ['Returns within 30 days, write to help@shop.example or www.shop.example/r.'],
    )
    const input = 'Order BB-48213 of 1,299.00 euros, due 10:30'
    for (const text of [
      'Order BB-48213 is on its way.',
      'You have 30 days; 1.299,00 euros come back. Be there at 10.',
      'Write to Help@shop.example.',
      'It takes 2 to 4 days.',
    ])
      expect(await holds(check, text, input), text).toBe(true)
    for (const text of [
      'Order BB-48214 is on its way.',
      'You have 14 days.',
      'Write to sales@shop.example.',
      'See https://evil.example/x',
    ])
      expect(await holds(check, text, input), text).toBe(false)
  })
})

describe('grounding', () => {
  it.each([
    ['Ember stove', 'The ember\n stove leaks', true],
    ['O’Neil', "from O'Neil", true],
    ['tent', 'the content', false],
    ['48213', '#48213.', true],
    ['4821', '#48213.', false],
    ['art', 'part of art', true],
    ['', 'text', false],
  ])('%j in %j', (quote, text, expected) => {
    expect(isGrounded(quote, text)).toBe(expected)
  })

  it('collects strings at any depth but under left-out keys', () => {
    expect(quotedStrings({ a: 'x', b: [{ c: 'y' }, null, 3, ''], kind: 'z' }, new Set(['kind']))).toEqual(['x', 'y'])
  })
})
