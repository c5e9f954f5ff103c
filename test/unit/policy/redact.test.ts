import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { redact } from '../../../src/policy/redact.ts'

function clean(text: string): string {
  return redact([{ role: 'user', content: text }]).messages[0]?.content ?? ''
}

describe('redact takes out', () => {
  it.each([
    ['write to jo.smith+shop@mail.example.co.uk, thanks', 'write to [EMAIL_1], thanks'],
    ['Call +44 20 7946 0018 today', 'Call [PHONE_1] today'],
    ['Phone:(0)161 496 0532', 'Phone:[PHONE_1]'],
    ['my number is 07700 900 982.', 'my number is [PHONE_1].'],
    ['ring 555-867-5309 x12', 'ring [PHONE_1]'],
    ['reach me at 0301234567', 'reach me at [PHONE_1]'],
    ['pay to GB29 NWBK 6016 1331 9268 19 please', 'pay to [IBAN_1] please'],
    ['DE89370400440532013000', '[IBAN_1]'],
    ['card 4111 1111 1111 1111, exp 04/27', 'card [CARD_1], exp 04/27'],
    ['from 203.0.113.9 and 2001:db8:0:1:1:1:1:1', 'from [IP_1] and [IP_2]'],
    ['key sk-proj-abcdefghijklmnop1234', 'key [KEY_1]'],
    ['token Zk3v9QmX2LpT8wRb5NcY7dHs', 'token [KEY_1]'],
  ])('%s', (text, expected) => {
    expect(clean(text)).toBe(expected)
  })
})

describe('redact leaves alone', () => {
  it.each([
    'Order #48213 has not come.',
    'ORD-48213 and ORD-4821377 and NL-2024-100234',
    'order number 9472 7916',
    'order no. 4821 3377 is late, invoice 20240113',
    'Tracking: 1234 5678 9012 3456 7890',
    'It cost 1,299.00 € or $12,345,678.90.',
    'On 2024-05-12 10:30 and on 12.05.2024, from 2019-2020 to 2023',
    'sizes 38 40 42 44',
    'card 4111 1111 1111 1112',
    'GB00NWBK60161331926819',
    'version 1.2.3 of 300.1.2.3',
    'at 12:30:45, ratio 3:4',
    'Order-Confirmation-2024-Spring-Sale-Reminder',
    'I live at 3747 3911 Fourth Avenue',
    'a@b',
  ])('%s', (text) => {
    expect(clean(text)).toBe(text)
  })
})

describe('redact and restore', () => {
  it('names equal values equally over all messages, and counts different values', () => {
    const redacted = redact([
      { role: 'system', content: 'Answer a@x.example.' },
      { role: 'user', content: 'b@x.example or a@x.example, 203.0.113.9' },
    ])
    expect(redacted.messages.map(({ content }) => content)).toEqual(['Answer [EMAIL_1].', '[EMAIL_2] or [EMAIL_1], [IP_1]'])
    expect(redacted.counts).toEqual({ EMAIL: 2, IP: 1 })
    expect(redacted.restore('Dear [EMAIL_2], not [EMAIL_9]')).toBe('Dear b@x.example, not [EMAIL_9]')
  })

  it('does not confuse a placeholder that stands in the text already', () => {
    const text = 'What is [EMAIL_1]? Mine is a@x.example'
    const redacted = redact([{ role: 'user', content: text }])
    expect(redacted.messages[0]?.content).toBe('What is [EMAIL_1]? Mine is [EMAIL_2]')
    expect(redacted.restore(redacted.messages[0]?.content ?? '')).toBe(text)
  })

  const piece = fc.oneof(
    fc.emailAddress(),
    fc.ipV4(),
    fc.constantFrom(
      '[EMAIL_1]',
      '[PHONE_1]',
      '[CARD_2]',
      '+49 30 901820',
      '4111111111111111',
      'GB29NWBK60161331926819',
      '$&',
      '[',
      '_1]',
      '\n',
    ),
    fc.string({ unit: 'grapheme' }),
    fc.nat().map(String),
  )

  it('gives back any text as it was', () => {
    fc.assert(
      fc.property(fc.array(piece), fc.constantFrom('', ' ', ', '), (pieces, gap) => {
        const text = pieces.join(gap)
        const redacted = redact([{ role: 'user', content: text }])
        return redacted.restore(redacted.messages[0]?.content ?? '') === text
      }),
      { numRuns: 1000 },
    )
  })

  it('leaves no e-mail address that stands free in a text', () => {
    fc.assert(
      fc.property(
        fc.emailAddress().filter((mail) => /^[\w.+-]+@/.test(mail)),
        (mail) => !clean(`Write to ${mail} now`).includes(mail),
      ),
    )
  })

  it('takes linear time on hostile texts', () => {
    const started = performance.now()
    for (const unit of ['a', '1', '1 ', 'a@', 'GB11', '.1', '1:', '(1', 'a.', 'A1-', '+']) clean(unit.repeat(30_000))
    expect(performance.now() - started).toBeLessThan(3000)
  })
})
