import type { Privacy } from 'transaxle'
import { html, nothing, type TemplateResult } from 'lit'

import type { Actions } from '../controller.ts'
import { bytes, dayAndTime } from '../format.ts'
import type { Fields, InboxMessage } from '../inbox.ts'
import type { Result, TaskName } from '../results.ts'
import { runningKey, type State } from '../state.ts'
import { acknowledgement, type Reply, type Triage } from '../tasks.ts'
import { icon } from './icons.ts'
import { progress } from './progress.ts'
import { resultCard } from './result.ts'
import { TASK_WORDS } from './words.ts'

export function messageView(state: State, actions: Actions): TemplateResult {
  const message = state.selected === undefined ? undefined : state.byId.get(state.selected)
  if (message === undefined) return welcome(state)
  const { triage, extract, draft } = state.results.get(message.id) ?? {}
  return html`
    <article class="message-pane" aria-labelledby="subject" tabindex="-1" id="message">
      <a class="back" href="#">${icon('back')}Inbox</a>
      <header class="message-head">
        <h2 id="subject">${message.subject}</h2>
        <p class="from">
          <b>${message.from.name}</b> <span>${message.from.email}</span>
          <time datetime=${message.receivedAt}>${dayAndTime(message.receivedAt)}</time>
        </p>
      </header>
      <p class="body">${message.body}</p>
      ${privacyChoice(state, actions)}
      <div class="cards">
        ${card(state, actions, message, { task: 'triage', result: triage, content: triageValue(state, triage) })}
        ${card(state, actions, message, { task: 'extract', result: extract, content: fieldsValue(extract) })}
        ${card(state, actions, message, { task: 'draft', result: draft, content: draftValue(state, draft) })}
      </div>
    </article>
  `
}

function welcome({ inbox, frontier }: State): TemplateResult {
  return html`
    <article class="message-pane welcome" id="message" tabindex="-1" aria-labelledby="welcome-title">
      <h2 id="welcome-title">A help desk that thinks on your machine</h2>
      <p>
        This is a week of mail to <b>${inbox.shop.name}</b>, a shop that does not exist. Pick a message, or press <b>Triage all</b>.
      </p>
      <dl class="explain">
        <div>
          <dt>${icon('device')}Device</dt>
          <dd>Small models in this browser. Free, private, and they work without a network.</dd>
        </div>
        <div>
          <dt>${icon('frontier')}Frontier</dt>
          <dd>
            A large model on a server: better, but it costs money and the message leaves your machine.
            ${frontier === undefined || frontier === 'answer-key' ? html`<b>Here it is an answer key:</b> reference answers written for these messages, not a real model.` : html`Here: <b>${frontier}</b>.`}
          </dd>
        </div>
        <div>
          <dt>${icon('shield')}Threshold</dt>
          <dd>Your limit for doubt. The device answers first; only what it is too unsure about goes to the frontier.</dd>
        </div>
      </dl>
      <p class="hint">Move the slider and watch the messages change sides.</p>
    </article>
  `
}

const PRIVACY: readonly { readonly value: Privacy; readonly label: string }[] = [
  { value: 'auto', label: 'Threshold decides' },
  { value: 'device', label: 'This device only' },
  { value: 'frontier', label: 'Frontier only' },
]

function privacyChoice({ privacy }: State, actions: Actions): TemplateResult {
  return html`
    <fieldset class="segments">
      <legend class="hidden">Where may this message go?</legend>
      ${PRIVACY.map(
        ({ value, label }) =>
          html`<label
            ><input
              type="radio"
              name="privacy"
              value=${value}
              .checked=${privacy === value}
              @change=${() => actions.privacy(value)}
            /><span>${label}</span></label
          >`,
      )}
    </fieldset>
  `
}

interface Card {
  readonly task: TaskName
  readonly result: Result<unknown> | undefined
  readonly content: TemplateResult | typeof nothing
}

function card(state: State, actions: Actions, { id }: InboxMessage, { task, result, content }: Card): TemplateResult {
  const { title, question, verb } = TASK_WORDS[task]
  const running = state.running.get(runningKey(task, id))
  const generator = state.models.generator
  const needsModel = task !== 'triage' && state.privacy !== 'frontier' && generator.phase !== 'ready'
  const waits = needsModel && generator.phase === 'loading'
  const size = state.sizes.generator
  const run = html`
    <button class="primary" type="button" data-task=${task} @click=${() => actions.run(task, id)}>
      ${result === undefined ? verb : `${verb} again`}
      ${needsModel && !waits && !state.generatorKept && size !== undefined ? html`<small>loads ${bytes(size)}</small>` : nothing}
    </button>
  `
  const stop = html`<button type="button" data-task=${task} @click=${() => actions.stop(task, id)}>${icon('stop')}Stop</button>`
  return html`
    <section class="card" aria-labelledby="card-${task}" aria-busy=${running === undefined ? 'false' : 'true'}>
      <header>
        <h3 id="card-${task}">${title}</h3>
        <p class="question">${question}</p>
        ${running === undefined ? run : stop}
      </header>
      <div class="card-body" aria-live="polite">
        ${running === undefined ? nothing : waits ? progress(generator, 'Language model') : working(running.since)}
        ${result === undefined ? nothing : html`${content}${resultCard(state, actions, task, id, result)}`}
      </div>
    </section>
  `
}

/** The seconds are for the eye: a screen reader is told once that work goes on. */
function working(since: number): TemplateResult {
  const seconds = Math.floor((performance.now() - since) / 1000)
  return html`<p class="working">
    <span class="spinner"></span>Working…<span aria-hidden="true">${seconds > 0 ? `${seconds} s` : ''}</span>
  </p>`
}

function triageValue({ inbox }: State, result: Result<Triage> | undefined): TemplateResult | typeof nothing {
  const intent = inbox.intents.find(({ id }) => id === result?.value?.label)
  if (intent === undefined) return nothing
  return html`<p class="value intent-value"><b>${intent.title}</b> <span>${intent.description}</span></p>`
}

function fieldsValue(result: Result<Fields> | undefined): TemplateResult | typeof nothing {
  const fields = result?.value
  if (fields === undefined) return nothing
  const line = (term: string, value: string | null): TemplateResult =>
    html`<div>
      <dt>${term}</dt>
      <dd>${value ?? html`<i>not in the message</i>`}</dd>
    </div>`
  return html`<dl class="value fields">
    ${line('Name', fields.name)}${line('Order', fields.order_id)}${line('Article', fields.product)}
  </dl>`
}

function draftValue({ inbox }: State, result: Result<Reply> | undefined): TemplateResult | typeof nothing {
  if (result?.value !== undefined) return html`<blockquote class="value reply">${result.value.text}</blockquote>`
  if (result?.settled !== 'queued') return nothing
  return html`
    <p class="meanwhile">You could send this in the meantime:</p>
    <blockquote class="value reply">${acknowledgement(inbox.shop.name).text}</blockquote>
  `
}
