import { html, nothing, type TemplateResult } from 'lit'

import type { Actions } from '../controller.ts'
import { bytes, clock, duration, money, plural } from '../format.ts'
import type { BackendChoice, ModelKind, ModelState, State } from '../state.ts'
import { icon } from './icons.ts'
import { progress } from './progress.ts'
import { redactionWords, TASK_WORDS } from './words.ts'

const MODEL_WORDS: Readonly<Record<ModelKind, { readonly title: string; readonly what: string }>> = {
  encoder: { title: 'Sorting model', what: 'Tells kinds of messages apart, in milliseconds.' },
  generator: { title: 'Language model', what: 'Reads and writes: details, replies, and a second opinion on triage.' },
}

export function modelsView(state: State, actions: Actions): TemplateResult {
  const isBackend = (value: string): value is BackendChoice => value === 'auto' || value === 'wasm' || value === 'webgpu'
  const choose = ({ target }: Event): void => {
    if (target instanceof HTMLSelectElement && isBackend(target.value)) actions.backend(target.value)
  }
  return html`
    <details class="panel" open>
      <summary><h2>Models on this device</h2></summary>
      ${model('encoder', state, actions)} ${model('generator', state, actions)}
      <label class="field"
        >Run on
        <select .value=${state.backend} @change=${choose}>
          <option value="auto">whatever is best here</option>
          <option value="webgpu">the graphics chip (WebGPU)</option>
          <option value="wasm">the processor (WASM)</option>
        </select>
      </label>
    </details>
  `
}

function model(kind: ModelKind, state: State, actions: Actions): TemplateResult {
  const { title, what } = MODEL_WORDS[kind]
  const now = state.models[kind]
  const size = state.sizes[kind]
  return html`
    <div class="model ${now.phase}">
      <h3>${title} <span class="phase">${phase(now, size)}</span></h3>
      <p>${what}</p>
      ${now.phase === 'loading' ? progress(now, title) : nothing}
      ${
        kind === 'generator' && (now.phase === 'idle' || now.phase === 'failed')
          ? html`<button type="button" @click=${() => actions.loadGenerator()}>
              ${icon('download')}Get it${size === undefined ? nothing : `, ${bytes(size)} once`}
            </button>`
          : nothing
      }
      ${now.error === undefined ? nothing : html`<p class="error">${now.error}</p>`}
      ${
        now.report === undefined
          ? nothing
          : html`<details class="small">
              <summary>Why it runs as it does</summary>
              <p>${now.report.reason}</p>
              <p>
                ${now.report.model}, ${now.report.dtype} on
                ${now.report.backend}${now.report.threads > 1 ? `, ${now.report.threads} threads` : ''}. Ready in
                ${duration(now.report.milliseconds)}: ${bytes(now.report.bytesFromNetwork)} from the network,
                ${bytes(now.report.bytesFromCache)} kept from before.
              </p>
            </details>`
      }
    </div>
  `
}

function phase({ phase, report }: ModelState, size: number | undefined): string {
  switch (phase) {
    case 'idle':
      return size === undefined ? 'not here yet' : `not here yet, ${bytes(size)}`
    case 'loading':
      return 'loading'
    case 'failed':
      return 'could not be loaded'
    case 'ready':
      return report?.backend === 'webgpu' ? 'ready, on the graphics chip' : 'ready, on the processor'
  }
}

export function outboxView({ outbox, results, byId, offline }: State, actions: Actions): TemplateResult {
  const waiting = outbox.filter(({ state }) => state === 'waiting' || state === 'sending')
  const about = (id: string): string | undefined => {
    for (const [message, each] of results)
      if (Object.values(each).some((result) => result?.id === id)) return byId.get(message)?.subject
    return undefined
  }
  return html`
    <details class="panel" ?open=${outbox.length > 0}>
      <summary>
        <h2>Outbox <span class="count">${waiting.length} waiting</span></h2>
      </summary>
      ${
        outbox.length === 0
          ? html`<p class="empty">
              Nothing waits. What should go to the frontier while it cannot be reached is kept here and sent later.
            </p>`
          : html`
              <p>
                ${offline ? 'These are sent when you go back online.' : 'These are sent as soon as the frontier can be reached.'}
              </p>
              <ul class="entries" role="list">
                ${outbox.map(
                  ({ id, task, state, tries, createdAt, error }) =>
                    html`<li>
                      ${icon('queued')}
                      <span
                        ><b>${about(id) ?? 'A message'}</b> ${taskTitle(task)}, ${state} since
                        ${clock(createdAt)}${tries > 0 ? `, ${plural(tries, 'try', 'tries')}` : ''}${error === undefined ? nothing : html`<br /><span class="error">${error.message}</span>`}</span
                      >
                      <button type="button" @click=${() => actions.cancelOutbox(id)}>
                        Drop<span class="hidden"> ${about(id) ?? ''}</span>
                      </button>
                    </li>`,
                )}
              </ul>
              <button type="button" ?disabled=${offline || waiting.length === 0} @click=${() => actions.sendOutbox()}>
                Send now
              </button>
            `
      }
    </details>
  `
}

export function ledgerView({ ledger, results, durable, notice }: State, actions: Actions): TemplateResult {
  const { entries, money: spent, bytesSent, bytesReceived } = ledger
  const all = [...results.values()].flatMap((each) => [each.triage, each.extract, each.draft])
  const saved = all.reduce((sum, result) => sum + (result?.saved ?? 0), 0)
  return html`
    <details class="panel ledger" open>
      <summary>
        <h2>What left this device <span class="count">${plural(entries.length, 'time')}</span></h2>
      </summary>
      <dl class="totals">
        <div>
          <dt>Spent</dt>
          <dd>${money(spent)}</dd>
        </div>
        <div>
          <dt>Saved, about</dt>
          <dd>${money(saved)}</dd>
        </div>
        <div>
          <dt>Sent</dt>
          <dd>${bytes(bytesSent)}</dd>
        </div>
        <div>
          <dt>Received</dt>
          <dd>${bytes(bytesReceived)}</dd>
        </div>
      </dl>
      <p class="note">Prices are an example: $3 for a million tokens in, $15 out.</p>
      ${
        entries.length === 0
          ? nothing
          : html`<div class="scroll" tabindex="0" role="region" aria-label="The latest exchanges">
              <table>
                <thead>
                  <tr>
                    <th scope="col">When</th>
                    <th scope="col">For</th>
                    <th scope="col">Sent</th>
                    <th scope="col">Cost</th>
                    <th scope="col">Personal data</th>
                  </tr>
                </thead>
                <tbody>
                  ${entries
                    .slice(-30)
                    .toReversed()
                    .map(
                      ({ at, task, settled, bytesSent, money: cost, redacted }) =>
                        html`<tr>
                          <td>${clock(at)}</td>
                          <td>${taskTitle(task)}${settled === 'failed' ? ' (failed)' : ''}</td>
                          <td class="number">${bytes(bytesSent)}</td>
                          <td class="number">${money(cost)}</td>
                          <td>${redactionWords(redacted, 'none found')}</td>
                        </tr>`,
                    )}
                </tbody>
              </table>
            </div>`
      }
      <div class="row-buttons">
        <button type="button" ?disabled=${entries.length === 0} @click=${() => actions.exportLedger()}>
          ${icon('download')}Save as CSV
        </button>
        <button type="button" class="danger" @click=${() => actions.deleteAll()}>Delete everything</button>
      </div>
      ${durable ? nothing : html`<p class="error">This browser keeps nothing for this page: all of it is gone when you close it.</p>`}
      <p class="notice" role="status">${notice}</p>
    </details>
  `
}

function taskTitle(task: string): string {
  const name = task.replace(/@.*$/, '')
  return name === 'triage' || name === 'extract' || name === 'draft' ? TASK_WORDS[name].title : name
}
