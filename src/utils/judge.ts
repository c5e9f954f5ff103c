import type { Draft, Task } from '../contracts/task.ts'

/** A value that holds, or a sentence that says what is wrong with it. */
export type Checked<O> = { readonly ok: true; readonly value: O } | { readonly ok: false; readonly problem: string }

/** Schema first, then the task's rules: the first that fails is the problem. */
export async function judge<I, O>(task: Task<I, O>, input: I, parsed: Draft['parsed']): Promise<Checked<O>> {
  if (!parsed.ok) return parsed
  const result = await task.output['~standard'].validate(parsed.value)
  if (result.issues !== undefined) {
    const [issue] = result.issues
    const path = issue?.path?.map((key) => (typeof key === 'object' ? String(key.key) : String(key))).join('.')
    return {
      ok: false,
      problem: `${path === undefined || path === '' ? 'the answer' : path}: ${issue?.message ?? 'does not follow the schema'}`,
    }
  }
  for (const check of task.checks) {
    const problem = await check.judge(result.value, input)
    if (problem !== undefined) return { ok: false, problem: `${check.name}: ${problem}` }
  }
  return { ok: true, value: result.value }
}
