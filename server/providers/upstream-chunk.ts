import * as v from 'valibot'

import { ApiError } from '../errors.ts'
import type { Delta, FinishReason, Usage } from './port.ts'

/** What one server-sent event of an upstream says. */
export interface UpstreamChunk {
  readonly model: string | undefined
  readonly fingerprint: string | undefined
  readonly delta: Delta | undefined
  readonly logprobs: unknown
  readonly finish: FinishReason | undefined
  readonly usage: Usage | undefined
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const REASONS: readonly FinishReason[] = ['stop', 'length', 'tool_calls', 'content_filter', 'function_call']

const chunk = v.looseObject({
  model: v.nullish(v.string()),
  system_fingerprint: v.nullish(v.string()),
  choices: v.nullish(
    v.array(
      v.looseObject({
        index: v.nullish(v.number()),
        delta: v.nullish(v.looseObject({ content: v.nullish(v.string()) })),
        logprobs: v.nullish(v.unknown()),
        finish_reason: v.nullish(v.string()),
      }),
    ),
  ),
  usage: v.nullish(v.looseObject({ prompt_tokens: count, completion_tokens: count, total_tokens: v.nullish(count) })),
})

/**
 * Reads an event's data.
 *
 * @throws ApiError 502: not a chunk, an error that the upstream reports inside its stream, or an ending nobody knows
 */
export function readUpstreamChunk(data: string): UpstreamChunk {
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch {
    throw new ApiError(502, 'upstream_invalid', 'The upstream sent an event that is not JSON.')
  }
  if (typeof value === 'object' && value !== null && 'error' in value && value.error !== null && value.error !== undefined) {
    throw new ApiError(502, 'upstream_failed', 'The upstream reported an error in the middle of its answer.')
  }
  const result = v.safeParse(chunk, value, { abortEarly: true })
  if (!result.success)
    throw new ApiError(502, 'upstream_invalid', 'The upstream sent an event that is not a chat completion chunk.')
  const { model, system_fingerprint, choices, usage } = result.output
  const choice = choices?.find(({ index }) => (index ?? 0) === 0)
  return {
    model: model ?? undefined,
    fingerprint: system_fingerprint ?? undefined,
    delta: deltaOf(choice?.delta ?? {}),
    logprobs: choice?.logprobs ?? undefined,
    finish: choice?.finish_reason === undefined || choice.finish_reason === null ? undefined : finishOf(choice.finish_reason),
    usage:
      usage === undefined || usage === null
        ? undefined
        : { ...usage, total_tokens: usage.total_tokens ?? usage.prompt_tokens + usage.completion_tokens },
  }
}

/** Without the role, which the gateway gives itself, and without empty members. `undefined` if nothing is left. */
function deltaOf(delta: Record<string, unknown>): Delta | undefined {
  const members = Object.entries(delta).filter(
    ([member, value]) => member !== 'role' && value !== null && value !== undefined && value !== '',
  )
  return members.length === 0 ? undefined : Object.fromEntries(members)
}

function finishOf(reason: string): FinishReason {
  const known = REASONS.find((each) => each === reason)
  // `error` and `abort` exist: an answer that ended so must not pass for a whole one.
  if (known === undefined)
    throw new ApiError(502, 'upstream_failed', 'The upstream ended its answer for a reason that is not an end.')
  return known
}
