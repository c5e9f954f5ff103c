import * as v from 'valibot'

import { ApiError } from './errors.ts'
import { estimateTokens } from './limits.ts'
import type { Limits } from './limits.ts'
import type { ProviderRequest, RequestMessage } from './providers/port.ts'

/** A request for a chat completion: what the provider needs, and how the client wants to read it. */
export interface ChatRequest {
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly provider: ProviderRequest
}

/** Answers to the default model, whatever the upstream calls it: apps need not change when the upstream does. */
export const DEFAULT_MODEL_ALIAS = 'frontier'

const text = v.pipe(v.string(), v.maxLength(512))
const number = (least: number, most: number) => v.nullish(v.pipe(v.number(), v.minValue(least), v.maxValue(most)))
const whole = v.pipe(v.number(), v.integer(), v.minValue(1))
const anything = v.nullish(v.unknown())

const message = v.looseObject({
  role: v.picklist(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: v.nullish(v.union([v.string(), v.array(v.looseObject({ type: v.string(), text: v.optional(v.string()) }))])),
})

// Strict, because the gateway pays for what it passes on: an upstream's extra members can choose a price, a tool or even another upstream.
const body = v.strictObject({
  model: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
  messages: v.pipe(v.array(message), v.minLength(1)),
  stream: v.nullish(v.boolean()),
  stream_options: v.nullish(v.looseObject({ include_usage: v.nullish(v.boolean()) })),
  max_tokens: v.nullish(whole),
  max_completion_tokens: v.nullish(whole),
  n: v.nullish(v.literal(1)),
  metadata: v.nullish(v.record(text, text)),
  temperature: number(0, 2),
  top_p: number(0, 1),
  presence_penalty: number(-2, 2),
  frequency_penalty: number(-2, 2),
  seed: v.nullish(v.pipe(v.number(), v.integer())),
  stop: v.nullish(v.union([v.string(), v.array(v.string())])),
  user: v.nullish(text),
  safety_identifier: v.nullish(text),
  prompt_cache_key: v.nullish(text),
  reasoning_effort: v.nullish(text),
  verbosity: v.nullish(text),
  response_format: v.nullish(v.looseObject({ type: v.string() })),
  tools: v.nullish(v.array(v.looseObject({ type: v.string() }))),
  tool_choice: anything,
  parallel_tool_calls: v.nullish(v.boolean()),
  logit_bias: v.nullish(v.record(v.string(), v.number())),
  logprobs: v.nullish(v.boolean()),
  top_logprobs: number(0, 20),
})

/**
 * A parsed body as a request within its limits.
 *
 * @param models the provider's names, the default first
 * @throws ApiError 400 with the parameter at fault, 404 `model_not_found`
 */
export function readChatRequest(value: unknown, models: readonly string[], limits: Limits): ChatRequest {
  const result = v.safeParse(body, value, { abortEarly: true })
  if (!result.success) throw invalid(result.issues[0])
  const { model, messages, stream, stream_options, max_tokens, max_completion_tokens, n: _one, metadata, ...rest } = result.output

  const maxTokens = askedTokens(max_tokens, max_completion_tokens, limits.maxOutputTokens)
  const promptTokens = promptSize(messages, rest.tools)
  if (promptTokens > limits.maxPromptTokens) {
    throw new ApiError(
      400,
      'context_length_exceeded',
      `The prompt is about ${promptTokens} tokens (estimated at 4 characters a token); this gateway takes ${limits.maxPromptTokens}. ` +
        'Shorten the messages, or raise MAX_PROMPT_TOKENS at the gateway.',
      { param: 'messages' },
    )
  }
  return {
    stream: stream ?? false,
    includeUsage: stream_options?.include_usage ?? false,
    provider: {
      model: resolveModel(model, models),
      messages,
      maxTokens,
      promptTokens,
      metadata: metadata ?? {},
      parameters: Object.fromEntries(Object.entries(rest).filter(([, member]) => member !== undefined && member !== null)),
    },
  }
}

function resolveModel(asked: string, models: readonly string[]): string {
  const [first] = models
  if (models.includes(asked)) return asked
  if (asked === DEFAULT_MODEL_ALIAS && first !== undefined) return first
  const names = [...new Set([...models, DEFAULT_MODEL_ALIAS])].map((name) => `'${name}'`).join(', ')
  throw new ApiError(404, 'model_not_found', `This gateway has no model '${asked}'. It answers to: ${names}.`, { param: 'model' })
}

function askedTokens(older: number | null | undefined, newer: number | null | undefined, most: number): number {
  const asked = newer ?? older
  if (asked === undefined || asked === null) return most
  if (asked > most) {
    const param = newer === undefined || newer === null ? 'max_tokens' : 'max_completion_tokens'
    throw new ApiError(
      400,
      'max_tokens_exceeded',
      `'${param}' is ${asked}; this gateway gives ${most} at most. Ask for less, or raise MAX_OUTPUT_TOKENS at the gateway.`,
      { param },
    )
  }
  return asked
}

function promptSize(messages: readonly RequestMessage[], tools: readonly unknown[] | null | undefined): number {
  let characters = 0
  for (const { role: _role, content, ...others } of messages) {
    characters +=
      typeof content === 'string' ? content.length : content === undefined || content === null ? 0 : JSON.stringify(content).length
    if (Object.keys(others).length > 0) characters += JSON.stringify(others).length
  }
  if (tools !== undefined && tools !== null) characters += JSON.stringify(tools).length
  return estimateTokens(characters)
}

function invalid(issue: v.BaseIssue<unknown>): ApiError {
  const param = pathOf(issue)
  if (param === '') {
    return new ApiError(400, 'invalid_value', `The body must be a JSON object with 'model' and 'messages'.`)
  }
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    return new ApiError(400, 'unknown_parameter', `This gateway does not take the parameter '${param}'. Leave it out.`, { param })
  }
  if (issue.input === undefined) {
    return new ApiError(400, 'missing_parameter', `The parameter '${param}' is missing.`, { param })
  }
  // What was received stays out of the message: it may be the text of a request.
  const wanted = `${issue.type.endsWith('length') ? 'a length ' : ''}${issue.expected ?? issue.type}`
  return new ApiError(400, 'invalid_value', `The parameter '${param}' is not valid: expected ${wanted}.`, { param })
}

/** `messages[0].role` */
function pathOf(issue: v.BaseIssue<unknown>): string {
  let path = ''
  for (const { key } of issue.path ?? []) {
    path += typeof key === 'number' ? `[${key}]` : `${path === '' ? '' : '.'}${String(key)}`
  }
  // A client chooses the names of unknown members: keep what is quoted back short.
  return path.slice(0, 100)
}
