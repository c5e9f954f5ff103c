import * as v from 'valibot'
import { describe, expect, it } from 'vitest'

import { EngineError } from '../../../src/errors/engine-error.ts'
import { extract } from '../../../src/task/extract.ts'
import { contextOf, INPUT, textOf } from './support.ts'

const nullable = { type: ['string', 'null'] }
const FIELDS = v.object({
  name: v.nullable(v.string()),
  order_ids: v.array(v.string()),
  mood: v.picklist(['calm', 'angry']),
})
/** A list among the properties: the object is written as one text. */
const options = {
  name: 'extract',
  version: 1,
  input: INPUT,
  output: FIELDS,
  jsonSchema: {
    type: 'object',
    properties: { name: nullable, order_ids: { type: 'array', items: { type: 'string' } }, mood: { enum: ['calm', 'angry'] } },
    required: ['name', 'order_ids', 'mood'],
  },
  instructions: 'Extract name, order ids and mood as JSON.',
  examples: [{ input: 'Order 1 is late. Ann', output: { name: 'Ann', order_ids: ['1'], mood: 'calm' as const } }],
  text: textOf,
}
const task = extract({ ...options, grounded: true })
const [rung] = task.rungs
const input = { message: 'Where is 48213? Bo' }

describe('extract, the object as one text', () => {
  it('shows the examples as turns, begins the object and stops at its end', async () => {
    const context = contextOf({ answers: ['":"Bo","order_ids":["48213"],"mood":"calm"}\nMessage: more'] })
    const draft = await rung?.answer(input, context)
    expect(draft?.parsed).toEqual({ ok: true, value: { name: 'Bo', order_ids: ['48213'], mood: 'calm' } })
    expect(draft?.signals).toMatchObject({ valid: 1, repaired: 0, grounded: 1, fields: 2, meanLogprob: -0.1 })
    const { prompt, stop } = context.generator.requests[0] ?? {}
    expect(prompt).toEqual({
      messages: [
        { role: 'system', content: options.instructions },
        { role: 'user', content: 'Order 1 is late. Ann' },
        { role: 'assistant', content: '{"name":"Ann","order_ids":["1"],"mood":"calm"}' },
        { role: 'user', content: input.message },
      ],
      prefill: '{"name',
    })
    expect(stop).toEqual(['\n'])
  })

  it('ends a generation that rambles on after the object', async () => {
    const context = contextOf({ answers: ['":null,"order_ids":[],"mood":"calm"} and so on and so on and so on'] })
    const draft = await rung?.answer(input, context)
    expect(draft?.text).toBe('{"name":null,"order_ids":[],"mood":"calm"}')
    expect(draft?.usage.completionTokens).toBeLessThan(5)
    expect(draft?.signals['meanLogprob']).toBeCloseTo(-0.1)
  })

  it('says what is wrong and repairs once, told the problem', async () => {
    const context = contextOf({ answers: ['":"Bo","order_ids":["48213"]', '":"Bo","order_ids":["48213"],"mood":"calm"}'] })
    const first = await rung?.answer(input, context)
    expect(first).toMatchObject({ parsed: { ok: false, problem: 'the JSON object is not closed' }, signals: { valid: 0 } })
    if (first === undefined) return
    const second = await rung?.repair?.(input, first, 'the JSON object is not closed', context)
    expect(second).toMatchObject({ parsed: { ok: true }, signals: { valid: 1, repaired: 1 } })
    const { prompt } = context.generator.requests[1] ?? {}
    expect(JSON.stringify(prompt)).toContain('the JSON object is not closed')
  })

  it('counts as valid only what the schema takes', async () => {
    const draft = await rung?.answer(input, contextOf({ answers: ['":"Bo","order_ids":[48213],"mood":"calm"}'] }))
    expect(draft).toMatchObject({ parsed: { ok: true }, signals: { valid: 0, grounded: 1, fields: 1 } })
  })

  it('measures and checks grounding, values of a list aside', async () => {
    const draft = await rung?.answer(input, contextOf({ answers: ['":"Bob","order_ids":["48213"],"mood":"angry"}'] }))
    expect(draft?.signals).toMatchObject({ valid: 1, grounded: 0.5 })
    const [check] = task.checks
    expect(await check?.judge({ name: 'Bob', order_ids: [], mood: 'angry' }, input)).toContain('does not stand in the text')
    expect(await check?.judge({ name: 'Bo', order_ids: ['48213'], mood: 'angry' }, input)).toBeUndefined()
    expect(extract(options).checks).toEqual([])
  })

  it('gives the frontier the schema and the text unchanged', () => {
    expect(task.frontier.schema).toBe(options.jsonSchema)
    expect(task.frontier.messages(input, []).at(-1)).toEqual({ role: 'user', content: input.message })
    expect(task.frontier.parse('```json\n{"name": null}\n```')).toEqual({ ok: true, value: { name: null } })
  })

  it('has no token signals where the engine has none, and fails with the engine', async () => {
    const without = await rung?.answer(input, contextOf({ signals: false, answers: ['":null,"order_ids":[],"mood":"calm"}'] }))
    expect(without?.signals).not.toHaveProperty('meanLogprob')
    const broken = contextOf({ failWith: new EngineError('device-lost', 'gone') })
    await expect(rung?.answer(input, broken)).rejects.toMatchObject({ code: 'device-lost' })
  })
})
