import { Template } from '@huggingface/jinja'

import type { Prompt } from '../../src/contracts/engine.ts'
import { ModelError } from '../../src/errors/model-error.ts'
import { UsageError } from '../../src/errors/usage-error.ts'
import { isRecord } from '../../src/utils/json.ts'

/** Renders a prompt to the text the model reads. */
export type RenderPrompt = (prompt: Prompt) => string

/**
 * The model's own chat template (Jinja), from `chat_template.jinja` or `tokenizer_config.json`.
 * Rendering messages without a template throws ModelError (`model-incompatible`); a template that refuses the messages
 * throws UsageError (`invalid-input`).
 */
export function createChatTemplate(tokenizerConfig: Record<string, unknown>, templateFile?: string): RenderPrompt {
  const source = templateFile ?? defaultTemplate(tokenizerConfig['chat_template'])
  const specials = Object.fromEntries(
    ['bos_token', 'eos_token', 'unk_token', 'pad_token'].map((name) => [name, tokenText(tokenizerConfig[name])]),
  )
  let template: Template | undefined
  return (prompt) => {
    if ('text' in prompt) return prompt.text
    if (source === undefined) {
      throw new ModelError(
        'model-incompatible',
        'This model has no chat template: give the prompt as { text } instead of messages.',
      )
    }
    try {
      template ??= new Template(source)
      return template.render({ messages: prompt.messages, add_generation_prompt: true, ...specials }) + (prompt.prefill ?? '')
    } catch (cause) {
      throw new UsageError(
        'invalid-input',
        'The chat template of this model does not take these messages (roles, or their order).',
        { cause },
      )
    }
  }
}

function defaultTemplate(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return undefined
  const named: unknown = value.find((entry: unknown) => isRecord(entry) && entry['name'] === 'default')
  return isRecord(named) && typeof named['template'] === 'string' ? named['template'] : undefined
}

function tokenText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return isRecord(value) && typeof value['content'] === 'string' ? value['content'] : undefined
}
