import { readFileSync } from 'node:fs'

import { describe, expect, test } from 'vitest'

import { createTokenizer, type Tokenizer } from '../../../workers/backends/tokenizer.ts'
import { createChatTemplate } from '../../../workers/backends/chat-template.ts'
import generation from '../../fixtures/reference/SmolLM2-135M-Instruct.json'
import encoder from '../../fixtures/reference/all-MiniLM-L6-v2.json'
import tokens from '../../fixtures/reference/tokens.json'

const models = new URL('../../../public/models/', import.meta.url)
const json = (path: string): Record<string, unknown> => JSON.parse(readFileSync(new URL(path, models), 'utf8'))
const tokenizerOf = (id: string): Tokenizer => createTokenizer(json(`${id}/tokenizer.json`), json(`${id}/tokenizer_config.json`))

const smol = 'HuggingFaceTB/SmolLM2-135M-Instruct'
const smolTokenizer = tokenizerOf(smol)
const render = createChatTemplate(json(`${smol}/tokenizer_config.json`))
const encoderTokenizer = tokenizerOf('Xenova/all-MiniLM-L6-v2')

describe("ids equal the models' own tokenizers", () => {
  test.each(tokens.texts.map((text, i) => [text, tokens['SmolLM2-135M-Instruct'][i]] as const))('SmolLM2: %j', (text, ids) => {
    expect(smolTokenizer.encode(text)).toEqual(ids)
  })

  test.each(tokens.texts.map((text, i) => [text, tokens['all-MiniLM-L6-v2'][i]] as const))('MiniLM: %j', (text, ids) => {
    expect(encoderTokenizer.encode(text, true)).toEqual(ids)
  })

  test.each(generation.cases)('chat prompt: $prompt', ({ prompt, ids }) => {
    expect(smolTokenizer.encode(render({ messages: [{ role: 'user', content: prompt }] }))).toEqual(ids)
  })

  test.each(encoder.texts.map((text, i) => [text, encoder.ids[i]] as const))('encoder reference: %j', (text, ids) => {
    const mine = encoderTokenizer.encode(text, true)
    expect(mine.length > 256 ? [...mine.slice(0, 255), 102] : mine).toEqual(ids)
  })
})

test('ids decode back to the text', () => {
  for (const text of tokens.texts.filter((each) => !each.includes('<|')))
    expect(smolTokenizer.decode(smolTokenizer.encode(text))).toBe(text)
})

test('special tokens leave no text', () => {
  expect(smolTokenizer.decode(smolTokenizer.encode('<|im_start|>hi<|im_end|>'))).toBe('hi')
})
