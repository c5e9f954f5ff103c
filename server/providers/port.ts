/** Why an answer ended, in OpenAI's words. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'function_call'

export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  /** True where no tokenizer counted: four characters a token. */
  readonly estimated?: boolean | undefined
}

/** A message as the client sent it, validated. Members beyond these go to the upstream as they came. */
export interface RequestMessage {
  readonly role: string
  readonly content?: string | readonly ContentPart[] | null | undefined
  readonly [member: string]: unknown
}

export interface ContentPart {
  readonly type: string
  readonly text?: string | undefined
  readonly [member: string]: unknown
}

/** One completion, after validation and limits. */
export interface ProviderRequest {
  /** One of the provider's own names. */
  readonly model: string
  readonly messages: readonly RequestMessage[]
  readonly maxTokens: number
  /** Estimated, for providers that cannot count. */
  readonly promptTokens: number
  readonly metadata: Readonly<Record<string, string>>
  /** Sampling, tools and the like, as the client sent them. */
  readonly parameters: Readonly<Record<string, unknown>>
}

/** A piece of the assistant's message: OpenAI's `choices[0].delta` without the role. */
export interface Delta {
  readonly content?: string | null | undefined
  readonly [member: string]: unknown
}

/** An answer as it is made: `start` first and once, `finish` last and once. Whatever goes wrong is thrown. */
export type Chunk =
  | { readonly type: 'start'; readonly model: string; readonly fingerprint?: string | undefined }
  | { readonly type: 'delta'; readonly delta: Delta; readonly logprobs?: unknown }
  | { readonly type: 'finish'; readonly reason: FinishReason; readonly usage?: Usage | undefined }

/** What answers: a frontier model behind an API, or the answer key. */
export interface Provider {
  /** Sent with every response as `x-transaxle-provider`. */
  readonly name: string
  /** The model names it answers to; the first is the default. At least one. */
  models(): readonly string[]
  /**
   * Iterating starts the work; aborting `signal` ends it within milliseconds.
   *
   * @throws ApiError for every foreseeable fault. An answer that ended before its end is one of them.
   */
  complete(request: ProviderRequest, signal: AbortSignal): AsyncIterable<Chunk>
}

/** The text of a message, its text parts joined. Other parts (images, audio) have none. */
export function textOf(message: RequestMessage): string {
  const { content } = message
  if (content === undefined || content === null) return ''
  if (typeof content === 'string') return content
  return content.map((part) => part.text ?? '').join('')
}
