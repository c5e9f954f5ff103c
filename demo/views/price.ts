import { PRICE } from '../engines.ts'
import type { State } from '../state.ts'

const CHARACTERS_PER_TOKEN = 4
/** `{"label": "damaged_or_wrong"}` and the like. */
const ANSWER_TOKENS = 8

const known = new WeakMap<State['inbox'], number>()

/** What the frontier asks for one triage, as the runtime estimates it: the mean over the inbox, at four characters a token. */
export function triagePrice({ inbox, tasks }: State): number {
  const price = known.get(inbox) ?? meanPrice({ inbox, tasks })
  known.set(inbox, price)
  return price
}

function meanPrice({ inbox, tasks }: Pick<State, 'inbox' | 'tasks'>): number {
  const characters = inbox.messages.reduce(
    (sum, message) => sum + tasks.triage.frontier.messages(message, []).reduce((length, { content }) => length + content.length, 0),
    0,
  )
  const prompt = characters / inbox.messages.length / CHARACTERS_PER_TOKEN
  return (prompt * PRICE.input + ANSWER_TOKENS * PRICE.output) / 1e6
}
