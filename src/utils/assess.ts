import type { Assessment } from '../contracts/runtime.ts'
import type { Request, Stages } from '../contracts/stages.ts'
import { RequestLog } from './request-log.ts'
import { runRung } from './run-rung.ts'

/** What each of a task's device rungs makes of a request, judged and scored, with nothing settled. `only` names the rungs to ask. */
export async function assess<I, O>(
  request: Request<I, O>,
  stages: Stages,
  only: readonly string[] | undefined,
): Promise<readonly Assessment[]> {
  const assessments: Assessment[] = []
  for (const rung of request.task.rungs) {
    if (stages.rungs.unable(rung) !== undefined || only?.includes(rung.id) === false) continue
    const log = new RequestLog(stages.now, stages.price)
    const { run, checked } = await runRung(request, rung, stages.rungs, log, () => {})
    const { id, kind } = rung
    const { signals, usage } = run.draft
    const score = await stages.score(request, { id, kind }, signals)
    const milliseconds = log.trace.reduce((sum, step) => sum + step.milliseconds, 0)
    const answer = checked.ok ? { value: checked.value } : { problem: checked.problem }
    assessments.push({ rung: id, kind, ...answer, score, signals, usage, milliseconds })
  }
  return assessments
}
