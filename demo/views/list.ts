import { html, nothing, type TemplateResult } from 'lit'
import { guard } from 'lit/directives/guard.js'
import { repeat } from 'lit/directives/repeat.js'

import type { Actions } from '../controller.ts'
import { day } from '../format.ts'
import type { InboxMessage } from '../inbox.ts'
import type { MessageResults } from '../results.ts'
import { placeOf, type Place } from '../routing.ts'
import { runningKey, visibleMessages, type Filter, type State } from '../state.ts'
import { icon } from './icons.ts'
import { ENDINGS, SETTLED } from './words.ts'

export function listView(state: State, actions: Actions): TemplateResult {
  const messages = visibleMessages(state)
  const generatorReady = state.models.generator.phase === 'ready'
  // One stop of the tab key for the whole list: the arrow keys go on from there.
  const stop = messages.some(({ id }) => id === state.selected) ? state.selected : messages[0]?.id
  return html`
    <section class="list-pane" aria-labelledby="inbox-title">
      <div class="list-head">
        <h2 id="inbox-title">
          Inbox <span class="count">${messages.length}<span class="hidden"> messages</span></span>
        </h2>
        ${batchControls(state, actions, messages.length)} ${filters(state, actions)}
      </div>
      <ul class="messages" role="list" aria-label="Messages" aria-describedby="list-keys">
        ${repeat(
          messages,
          ({ id }) => id,
          (message) => {
            const { id } = message
            const results = state.results.get(id)
            const place = placeOf(state.samples.get(id) ?? {}, state.limits, generatorReady)
            const running = state.running.has(runningKey('triage', id))
            const current = id === state.selected
            return html`<li>
              ${guard([results, place, running, current, id === stop], () => row(state, message, { results, place, running, current, stop: id === stop }))}
            </li>`
          },
        )}
      </ul>
      ${messages.length === 0 ? html`<p class="empty">No message fits this filter.</p>` : nothing}
      <p id="list-keys" class="keys">
        Keys: <kbd>↑</kbd> <kbd>↓</kbd> move, <kbd>Home</kbd> <kbd>End</kbd> jump, <kbd>Enter</kbd> opens, <kbd>t</kbd> <kbd>e</kbd>
        <kbd>d</kbd> triage, extract, draft, <kbd>/</kbd> search
      </p>
    </section>
  `
}

interface Row {
  readonly results: MessageResults | undefined
  readonly place: Place
  readonly running: boolean
  readonly current: boolean
  readonly stop: boolean
}

function row(
  state: State,
  { id, from, subject, body, receivedAt }: InboxMessage,
  { results, place, running, current, stop }: Row,
): TemplateResult {
  return html`
    <a class="row" href="#${id}" data-message=${id} tabindex=${stop ? 0 : -1} aria-current=${current ? 'true' : nothing}>
      <span class="row-top"><b class="sender">${from.name}</b><time datetime=${receivedAt}>${day(receivedAt)}</time></span>
      <span class="subject">${subject}</span>
      <span class="snippet">${body.slice(0, 110)}</span>
      <span class="chips"
        >${running ? html`<span class="chip working"><span class="spinner"></span>Working…</span>` : chips(state, results, place)}</span
      >
    </a>
  `
}

function chips(state: State, results: MessageResults | undefined, place: Place): TemplateResult {
  const triage = results?.triage
  if (triage === undefined) return html`<span class="chip would would-${place}">${forecast(place)}</span>`
  const intent = state.inbox.intents.find(({ id }) => id === triage.value?.label)
  return html`
    ${intent === undefined ? nothing : html`<span class="chip intent">${intent.title}</span>`}
    <span class="chip ${triage.settled}">${icon(triage.settled)}${ENDINGS[triage.settled].short}</span>
  `
}

/** What the threshold would do with a message that nobody has triaged yet. */
function forecast(place: Place): TemplateResult {
  switch (place) {
    case 'encoder':
    case 'generator':
      return html`${icon('device')}would stay here`
    case 'next':
      return html`${icon('device')}language model next`
    case 'frontier':
      return html`${icon('frontier')}would go out`
    case 'unread':
      return html`${icon('none')}not triaged`
  }
}

function batchControls({ batch }: State, actions: Actions, count: number): TemplateResult {
  if (batch === undefined) {
    return html`<button class="primary triage-all" type="button" ?disabled=${count === 0} @click=${() => actions.triageAll()}>
      Triage all ${count}
    </button>`
  }
  return html`
    <div class="batch" role="status">
      <label for="batch-progress">${batch.what}: ${batch.done} of ${batch.total}</label>
      <progress id="batch-progress" max=${batch.total} .value=${batch.done}></progress>
      <button type="button" @click=${() => batch.stop()}>${icon('stop')}Stop</button>
    </div>
  `
}

function filters({ inbox, filter }: State, actions: Actions): TemplateResult {
  const isWhere = (value: string): value is Filter['where'] =>
    value === 'any' || value === 'none' || SETTLED.some((each) => each === value)
  const chooseWhere = ({ target }: Event): void => {
    if (target instanceof HTMLSelectElement && isWhere(target.value)) actions.filter({ where: target.value })
  }
  const chooseIntent = ({ target }: Event): void => {
    if (target instanceof HTMLSelectElement) actions.filter({ intent: target.value })
  }
  const search = ({ target }: Event): void => {
    if (target instanceof HTMLInputElement) actions.filter({ search: target.value })
  }
  return html`
    <div class="filters" role="search">
      <label class="search">
        <span class="hidden">Search in messages</span>${icon('search')}
        <input id="search" type="search" placeholder="Search" .value=${filter.search} @input=${search} />
      </label>
      <label
        ><span class="hidden">Show what settled where</span>
        <select @change=${chooseWhere} .value=${filter.where}>
          <option value="any">Anywhere</option>
          <option value="none">Not triaged yet</option>
          ${SETTLED.map((settled) => html`<option value=${settled}>${ENDINGS[settled].short}</option>`)}
        </select>
      </label>
      <label
        ><span class="hidden">Show one kind of message</span>
        <select @change=${chooseIntent} .value=${filter.intent}>
          <option value="any">Any kind</option>
          ${inbox.intents.map(({ id, title }) => html`<option value=${id}>${title}</option>`)}
        </select>
      </label>
    </div>
  `
}
