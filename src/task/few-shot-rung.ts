import type { Prompt } from '../contracts/engine.ts'
import type { Rung, RungContext } from '../contracts/task.ts'
import type { Label } from './label.ts'
import { entropy } from './head-rung.ts'
import { softmax } from './softmax-head.ts'

/** Stands for "no message" when the model's own preference for a label is measured (Zhao et al. 2021, section 4). */
const EMPTY_MESSAGE = 'N/A'

/** Characters, at about four a token: prefill on WASM runs at 100 to 120 tokens/s, so a long prompt is a long wait. */
const EXAMPLES_BUDGET = 1100
const EXAMPLE_LENGTH = 110
const MESSAGE_LENGTH = 800

/**
 * Rung `few-shot`: log-probability of each label after a few examples, less the same for an empty message: contextual calibration of
 * Zhao et al. 2021 ("Calibrate before use") in log space, which also takes out that longer labels are less likely.
 */
export function fewShotRung<I>(
  labels: readonly Label[],
  text: (input: I) => string,
  instructions: string,
): Pick<Rung<I>, 'answer'> {
  const candidates = labels.map(({ id }) => ` ${wordsOf(id)}`)
  const examples = chooseExamples(labels)
  const head = `${instructions}\n\n${examples.map(([message, label]) => turn(message, label)).join('')}`
  const promptFor = (message: string): Prompt => ({ text: head + turn(message) })

  const scoresFor = async (message: string, { generator }: RungContext, signal?: AbortSignal): Promise<number[]> => {
    const scores = await generator.score(promptFor(message), candidates, { signal })
    return scores.map(({ logprob }) => logprob)
  }

  return {
    async answer(input, context) {
      // Shared by all requests, so one request's abort does not stop it.
      const prior = await context.remember('few-shot prior', () => scoresFor(EMPTY_MESSAGE, context))
      const message = oneLine(text(input), MESSAGE_LENGTH)
      const promptTokens = await context.generator.countTokens(promptFor(message))
      const scores = await scoresFor(message, context, context.signal)
      const gains = scores.map((score, i) => score - (prior[i] ?? 0))
      const top = gains.indexOf(Math.max(...gains))
      const probabilities = softmax(gains)
      const label = labels[top]?.id ?? ''
      return {
        parsed: { ok: true, value: { label } },
        text: label,
        signals: {
          labelTopProbability: probabilities[top] ?? 0,
          labelMargin: (gains[top] ?? 0) - Math.max(...gains.filter((_, i) => i !== top)),
          labelEntropy: entropy(probabilities),
          labelLogprob: scores[top] ?? 0,
          promptTokens,
        },
        usage: { promptTokens, completionTokens: 0 },
      }
    },
  }
}

/** Examples of all labels in turn, so that no label has the last word, until the budget is spent; at least one of each. */
function chooseExamples(labels: readonly Label[]): readonly (readonly [message: string, label: string])[] {
  const chosen: [string, string][] = []
  let spent = 0
  for (let round = 0; ; round += 1) {
    const next = labels.flatMap(({ id, examples }): [string, string][] => {
      const example = examples[round]
      return example === undefined ? [] : [[oneLine(example, EXAMPLE_LENGTH), id]]
    })
    spent += next.reduce((sum, [message, label]) => sum + turn(message, label).length, 0)
    if (next.length === 0 || (round > 0 && spent > EXAMPLES_BUDGET)) return chosen
    chosen.push(...next)
  }
}

function turn(message: string, label?: string): string {
  return `Message: ${message}\nLabel:${label === undefined ? '' : ` ${wordsOf(label)}\n\n`}`
}

/** `order_status` as the words it stands for: they are what the model has seen in its training. */
function wordsOf(id: string): string {
  return id.replace(/[_-]+/g, ' ')
}

/** White space as single spaces, cut at the end of a word. */
function oneLine(text: string, length: number): string {
  const line = text.trim().replace(/\s+/g, ' ')
  return line.length <= length ? line : `${line.slice(0, length).replace(/\s\S*$/, '')} …`
}
