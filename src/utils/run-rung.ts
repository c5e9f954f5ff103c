import type { Source } from '../contracts/part.ts'
import type { Request, RungRun, Stages } from '../contracts/stages.ts'
import type { Rung } from '../contracts/task.ts'
import { judge, type Checked } from './judge.ts'
import type { RequestLog } from './request-log.ts'

/** One device rung's answer, judged by the task's checks, after one repair pass if the first answer failed them. */
export async function runRung<I, O>(
  request: Request<I, O>,
  rung: Rung<I>,
  rungs: Stages['rungs'],
  log: RequestLog,
  onText: (source: Source, text: string) => void,
): Promise<{ readonly run: RungRun; readonly checked: Checked<O> }> {
  const { task, input } = request
  const check = ({ draft }: RungRun): Promise<Checked<O>> =>
    log.step(
      'checks',
      () => judge(task, input, draft.parsed),
      ({ ok }) => (ok ? 'passed' : 'failed'),
    )

  const run = await log.step(
    'rung',
    () => rungs.run(request, input, rung, onText),
    () => rung.id,
  )
  log.ranOnDevice(run.draft.usage)
  const checked = await check(run)
  if (checked.ok || rung.repair === undefined) return { run, checked }

  const repaired = await log.step(
    'rung',
    () => rungs.repair(request, input, rung, run.draft, checked.problem),
    () => `${rung.id}: repaired`,
  )
  log.ranOnDevice(repaired.draft.usage)
  return { run: repaired, checked: await check(repaired) }
}
