import type { Rung } from '../contracts/task.ts'
import { once } from '../utils/once.ts'

/** A rung whose code is fetched with its first answer: an app that never asks it never loads it. */
export function fetchedRung<I>(
  facts: Pick<Rung<I>, 'id' | 'kind' | 'summary'>,
  fetchCode: () => Promise<Pick<Rung<I>, 'answer'>>,
): Rung<I> {
  const code = once(fetchCode)
  return { ...facts, answer: async (input, context) => (await code()).answer(input, context) }
}
