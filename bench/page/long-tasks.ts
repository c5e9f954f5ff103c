import { createRuntime } from 'transaxle'

import { parseInbox, textOf } from '../../demo/inbox.ts'
import { freeText } from './free-text.ts'
import { ENCODER, engineWorker, GENERATOR } from './models.ts'
import { serve } from './serve.ts'
import { triageTask } from './triage.ts'

declare global {
  /** Filled by an observer that the page starts before its modules. */
  var longTasks: PerformanceEntry[]
}

export interface LongTask {
  readonly milliseconds: number
  /** What the page was at when it began. */
  readonly during: string
}

export interface LongTaskFigures {
  readonly tasks: readonly LongTask[]
  /** Milliseconds that were watched. */
  readonly watched: number
}

/** Both models loaded, the head fitted and used, an answer streamed into the page: what keeps the main thread for over 50 ms? */
serve(async ({ tokens }: { readonly tokens: number }): Promise<LongTaskFigures> => {
  const phases: { readonly name: string; readonly from: number }[] = [{ name: 'the page', from: 0 }]
  const enter = (name: string): void => void phases.push({ name, from: performance.now() })

  const inbox = parseInbox(await (await fetch('/data/inbox.json')).json())
  enter('loading the models')
  const runtime = await createRuntime({
    worker: engineWorker,
    models: { encoder: ENCODER, generator: GENERATOR },
    threshold: 1,
    backend: 'wasm',
    store: 'bench-long-tasks',
  })
  await runtime.load()

  enter('fitting the head')
  const triage = triageTask(inbox)
  const others = inbox.messages.filter(({ split }) => split === 'calibration').slice(0, 10)
  for (const [i, message] of others.entries()) {
    if (i === 1) enter('classifying')
    await (
      await runtime.run(triage, { text: textOf(message) })
    ).done
  }

  enter('decoding')
  const answer = document.querySelector('#answer')
  const messages = [{ role: 'user' as const, content: 'Write a short email to a customer whose parcel is late.' }]
  for await (const part of runtime.stream(freeText(), { messages, maxTokens: tokens })) {
    if (part.type === 'delta') answer?.append(part.text)
  }
  const watched = performance.now()
  // The observer is told of a task some time after its end.
  await new Promise((resolve) => setTimeout(resolve, 300))
  await runtime.close()

  return {
    watched,
    tasks: globalThis.longTasks.map(({ startTime, duration }) => ({
      milliseconds: duration,
      during: phases.findLast(({ from }) => from <= startTime)?.name ?? '',
    })),
  }
})
