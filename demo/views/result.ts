import { html, nothing, type TemplateResult } from 'lit'

import type { Actions } from '../controller.ts'
import { bytes, duration, money } from '../format.ts'
import type { Result, TaskName } from '../results.ts'
import type { State } from '../state.ts'
import { doubtBar } from './charts.ts'
import { icon } from './icons.ts'
import { ENDINGS, headline, modelWords, redactionWords, STAGES } from './words.ts'

/** Under each answer: where it came from and why, how sure the device was, what it took and cost, and every step on the way. */
export function resultCard(
  state: State,
  actions: Actions,
  task: TaskName,
  message: string,
  result: Result<unknown>,
): TemplateResult {
  const { settled, model, reason, reasonCode, score, unknownBecause } = result
  return html`
    <div class="settled ${settled}">
      <p class="where">
        ${icon(settled)}<b>${ENDINGS[settled].label}</b>${model === undefined ? nothing : html` <span class="model">${modelWords(model)}</span>`}
      </p>
      <p class="why">${headline(reasonCode)}</p>
      ${score === undefined ? nothing : doubtBar(score.value, score.threshold)}
      ${unknownBecause === undefined ? nothing : html`<p class="unknown">How sure the device is: unknown, because ${unknownBecause}</p>`}
      <ul class="facts" role="list">
        <li><span>Time</span> <b>${duration(result.milliseconds)}</b></li>
        <li>${cost(result)}</li>
        <li><span>Left this device</span> <b>${result.bytesSent === 0 ? 'nothing' : bytes(result.bytesSent)}</b></li>
      </ul>
      ${labelButtons(state, actions, task, message, result)}
      <details>
        <summary>What happened, step by step</summary>
        <p class="reason">${reason}</p>
        <table>
          <thead>
            <tr>
              <th scope="col">Step</th>
              <th scope="col">Time</th>
              <th scope="col">What came of it</th>
            </tr>
          </thead>
          <tbody>
            ${result.trace.map(
              ({ stage, milliseconds, note }) =>
                html`<tr>
                  <td>${STAGES[stage] ?? stage}</td>
                  <td class="number">${duration(milliseconds)}</td>
                  <td>${note}</td>
                </tr>`,
            )}
          </tbody>
        </table>
        <p>
          ${
            result.bytesSent === 0
              ? 'Nothing was sent.'
              : html`Sent ${bytes(result.bytesSent)}, received ${bytes(result.bytesReceived)};
                ${redactionWords(result.redacted ?? {})}. The sender's address is never sent.`
          }
          ${result.deviceTokens > 0 ? html` The device read and wrote ${result.deviceTokens.toLocaleString('en')} tokens (pieces of words).` : nothing}
        </p>
        ${score === undefined ? nothing : html`<p>The limit: ${score.basis}</p>`}
      </details>
    </div>
  `
}

function cost({ settled, spent, saved }: Result<unknown>): TemplateResult {
  if (spent > 0) return html`<span>Cost</span> <b>${money(spent)}</b>`
  if (saved > 0) return html`<span>Cost</span> <b>$0</b> <span class="saved">saved about ${money(saved)}</span>`
  return html`<span>Cost</span> <b>$0</b>${settled === 'queued' ? html` <span>so far</span>` : nothing}`
}

/** A mark is about what the device said: answers of others teach it nothing. */
function labelButtons(
  { byId, inbox }: State,
  actions: Actions,
  task: TaskName,
  message: string,
  result: Result<unknown>,
): TemplateResult | typeof nothing {
  if (result.settled !== 'device') return nothing
  const reference = byId.get(message)?.reference
  const intent = inbox.intents.find(({ id }) => id === reference?.intent)
  const hint = task === 'triage' && intent !== undefined ? html` The reference answer says: <b>${intent.title}</b>.` : nothing
  const choice = (good: boolean, words: string): TemplateResult =>
    html`<button
      type="button"
      aria-pressed=${result.good === good ? 'true' : 'false'}
      @click=${() => actions.label(task, message, good)}
    >
      ${icon(good ? 'yes' : 'no')}${words}
    </button>`
  return html`
    <div class="marks" role="group" aria-label="Was this answer right?">
      <span>Was this right?${hint}</span>
      <div>${choice(true, 'Right')} ${choice(false, 'Wrong')}</div>
    </div>
  `
}
