import { html, nothing, type TemplateResult } from 'lit'

import type { Actions } from '../controller.ts'
import type { Pane, State, Theme } from '../state.ts'
import { icon, type IconName } from './icons.ts'
import { listView } from './list.ts'
import { messageView } from './message.ts'
import { ledgerView, modelsView, outboxView } from './panels.ts'
import { thresholdView } from './threshold.ts'

/** The whole page. On a phone the list and the message take turns; which one is seen follows from `selected`. */
export function page(state: State, actions: Actions): TemplateResult {
  return html`
    <a class="skip" href="#message">Skip to the message</a>
    ${header(state, actions)}
    <main class="${state.selected === undefined ? 'shows-list' : 'shows-message'} pane-${state.pane}">
      <aside class="rail" aria-label="Routing, models and what left this device">
        ${thresholdView(state, actions)} ${modelsView(state, actions)} ${outboxView(state, actions)} ${ledgerView(state, actions)}
      </aside>
      ${listView(state, actions)} ${messageView(state, actions)}
    </main>
  `
}

function header(state: State, actions: Actions): TemplateResult {
  return html`
    <header class="top">
      <h1>
        ${icon('mountain')}<span>${state.inbox.shop.name}<small>help desk, a Transaxle demo</small></span>
      </h1>
      <div class="panes" role="group" aria-label="Show">
        ${paneButton(state, actions, 'inbox', 'Inbox')} ${paneButton(state, actions, 'panels', 'Routing and models')}
      </div>
      <div class="top-controls">
        ${connection(state)}
        <button
          class="switch"
          type="button"
          role="switch"
          aria-checked=${state.offline ? 'true' : 'false'}
          @click=${() => actions.offline(!state.offline)}
        >
          <span class="knob"></span>Work offline
        </button>
        ${themeButton(state.theme, actions)}
      </div>
    </header>
  `
}

function paneButton({ pane }: State, actions: Actions, of: Pane, words: string): TemplateResult {
  return html`<button type="button" aria-pressed=${pane === of ? 'true' : 'false'} @click=${() => actions.pane(of)}>
    ${words}
  </button>`
}

function connection({ offline, online, outbox }: State): TemplateResult {
  const waiting = outbox.length
  const words = offline
    ? 'Nothing is sent'
    : online === undefined
      ? 'Looking for the frontier'
      : online
        ? 'Frontier in reach'
        : 'Frontier out of reach'
  return html`<p class="connection ${offline || online === false ? 'away' : 'there'}" role="status">
    ${icon(offline || online === false ? 'queued' : 'frontier')}${words}${waiting > 0 ? html`, <b>${waiting} in the outbox</b>` : nothing}
  </p>`
}

const NEXT: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' }
const PICTURE: Readonly<Record<Theme, IconName>> = { system: 'system', light: 'sun', dark: 'moon' }
const THEME: Readonly<Record<Theme, string>> = { system: 'as the system', light: 'light', dark: 'dark' }

function themeButton(theme: Theme, actions: Actions): TemplateResult {
  return html`<button
    class="plain"
    type="button"
    aria-label="Colours: ${THEME[theme]}. Change to ${THEME[NEXT[theme]]}"
    title="Colours: ${THEME[theme]}"
    @click=${() => actions.theme(NEXT[theme])}
  >
    ${icon(PICTURE[theme])}
  </button>`
}
