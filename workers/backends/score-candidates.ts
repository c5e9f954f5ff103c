import type { CandidateScore } from '../../src/contracts/signals.ts'
import { UsageError } from '../../src/errors/usage-error.ts'
import { throwIfAborted } from '../../src/utils/deadline.ts'
import type { KvCache } from './decoder.ts'
import { checkContext, type Loop, prefill } from './generate-loop.ts'
import { summarise } from './signals.ts'

/**
 * Log-probability of each candidate as the continuation of `prompt`, nats. The prompt is run once; each candidate of more than
 * one token costs one more pass, on the prompt's cache.
 *
 * Prompt and candidate are tokenised together, as the model would meet them. Where that joins the prompt's end to the
 * candidate's start in one token, the prompt is cut before it for all candidates, so that their sums stay comparable; the sum is
 * then that of the cut-off end and the candidate.
 */
export async function scoreCandidates<Cache extends KvCache>(
  loop: Omit<Loop<Cache>, 'source' | 'stops'>,
  prompt: string,
  candidates: readonly string[],
  signal: AbortSignal,
): Promise<readonly CandidateScore[]> {
  const { tokenizer, decoder } = loop
  if (candidates.some((candidate) => candidate === ''))
    throw new UsageError('invalid-input', 'A candidate to score must not be empty.')
  const { head, tails } = splitAtBorder(
    tokenizer.encode(prompt),
    candidates.map((candidate) => tokenizer.encode(prompt + candidate)),
  )
  checkContext(head.length, Math.max(0, ...tails.map((tail) => tail.length)), loop.contextLength)
  const { logits, cache } = await prefill(loop, head, loop.prefix.take(head), signal)
  try {
    const first = summarise(logits)
    const scores: CandidateScore[] = []
    for (const tail of tails) {
      let logprob = (logits[tail[0] ?? 0] ?? -Infinity) - first.logSumExp
      if (tail.length > 1) {
        const fed = tail.slice(0, -1)
        const step = await decoder.run(fed, cache, fed.length)
        step.cache.dispose()
        for (const [i] of fed.entries()) {
          const row = step.logits.subarray(i * decoder.vocabulary, (i + 1) * decoder.vocabulary)
          logprob += (row[tail[i + 1] ?? 0] ?? -Infinity) - summarise(row).logSumExp
        }
        await loop.breathe()
        throwIfAborted(signal)
      }
      scores.push({ logprob, tokens: tail.length })
    }
    return scores
  } finally {
    loop.prefix.put(head, [], cache)
  }
}

/** The tokens that all texts share with the prompt, and what follows them in each. */
export function splitAtBorder(
  prompt: readonly number[],
  texts: readonly (readonly number[])[],
): { readonly head: readonly number[]; readonly tails: readonly (readonly number[])[] } {
  let border = prompt.length
  for (const text of texts) {
    let shared = 0
    while (shared < border && shared < text.length - 1 && text[shared] === prompt[shared]) shared += 1
    border = shared
  }
  return { head: prompt.slice(0, border), tails: texts.map((text) => text.slice(border)) }
}
