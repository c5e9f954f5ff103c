import { html, nothing, type TemplateResult } from 'lit'

import type { Actions } from '../controller.ts'
import { money, percent } from '../format.ts'
import { riskAt, riskCurve, splitAt, type Labelled } from '../routing.ts'
import type { State, ThresholdChoice } from '../state.ts'
import { triagePrice } from './price.ts'
import { riskChart, splitBar } from './charts.ts'

const MODES: readonly { readonly mode: ThresholdChoice['mode']; readonly label: string }[] = [
  { mode: 'number', label: 'By hand' },
  { mode: 'maxError', label: 'By mistakes' },
  { mode: 'escalationRate', label: 'By share sent' },
]

/** What would go where at this limit, what it would cost, and how many mistakes would stay: worked out anew at every step of the slider. */
export function thresholdView(state: State, actions: Actions): TemplateResult {
  const generatorReady = state.models.generator.phase === 'ready'
  // The examples that the models learned from would flatter them, so they are not counted.
  const fresh = state.inbox.messages.filter(({ split }) => split !== 'train').map(({ id }) => state.samples.get(id) ?? {})
  const split = splitAt(fresh, state.limits, generatorReady)
  // Only messages that no model and no calibrator has been fitted on.
  const labelled: Labelled[] = state.inbox.messages.flatMap(({ id, split, reference }) =>
    split === 'test' ? [{ sample: state.samples.get(id) ?? {}, truth: reference.intent }] : [],
  )
  const now = riskAt(labelled, state.limits, generatorReady)
  const { places, total } = split
  const unmarked = [...state.results.values()].filter(
    ({ triage }) => triage?.settled === 'device' && triage.good === undefined,
  ).length
  const stays = places.encoder + places.generator
  const price = triagePrice(state)
  return html`
    <section class="panel threshold" aria-labelledby="threshold-title">
      <h2 id="threshold-title">What goes where</h2>
      <p class="lead">
        ${
          places.unread === total
            ? unread(state)
            : html`<b>${stays}</b> of ${total} messages would stay on this device, <b>${places.frontier}</b> go to the
                frontier${places.next > 0 ? html`, <b>${places.next}</b> would be tried by the language model first` : nothing}.
                Triage costs
                <b
                  >${money(places.frontier * price)}${places.next > 0 ? ` to ${money((places.frontier + places.next) * price)}` : ''}</b
                >
                instead of ${money(total * price)}.`
        }
      </p>
      ${splitBar(split)}
      <p class="note">Without the ${state.inbox.messages.length - total} messages that serve the models as examples.</p>
      ${modes(state, actions)} ${control(state, actions)}
      ${state.basis === undefined ? nothing : html`<p class="basis"><b>Came out as ${state.limits.encoder < 0 ? 'no limit: everything goes out' : percent(state.limits.encoder, 1)}.</b> ${state.basis}</p>`}
      <details class="more" open>
        <summary>Mistakes among what stays</summary>
        ${riskChart(riskCurve(labelled, generatorReady), now, labelled.length)}
      </details>
      <div class="row-buttons">
        <button type="button" @click=${() => actions.learn()}>Learn from marks</button>
        ${unmarked > 0 ? html`<button type="button" @click=${() => actions.markAll()}>Mark ${unmarked} by the reference</button>` : nothing}
        ${generatorReady ? html`<button type="button" ?disabled=${state.batch !== undefined} @click=${() => actions.scoreWithGenerator()}>Score all with the language model</button>` : nothing}
      </div>
    </section>
  `
}

function unread({ models, calibrated, samples }: State): TemplateResult {
  const judged = [...samples.values()].some(({ encoder }) => encoder !== undefined)
  if (judged && !calibrated)
    return html`How sure the device is cannot be told yet: there are no marks to learn from. Until then the frontier is asked. Mark
      20 or more answers as right or wrong, then press <b>Learn from marks</b>.`
  return models.encoder.phase === 'failed'
    ? html`The sorting model could not be loaded.`
    : html`The sorting model is being loaded; then every message gets its score.`
}

function modes({ choice }: State, actions: Actions): TemplateResult {
  return html`
    <fieldset class="segments">
      <legend>Set the limit</legend>
      ${MODES.map(
        ({ mode, label }) =>
          html`<label
            ><input type="radio" name="mode" .checked=${choice.mode === mode} @change=${() => actions.limitBy(mode)} /><span
              >${label}</span
            ></label
          >`,
      )}
    </fieldset>
  `
}

function control({ choice }: State, actions: Actions): TemplateResult {
  switch (choice.mode) {
    case 'number':
      return slider(
        actions,
        'Send a message out when the chance of being wrong is above',
        choice.number,
        [0, 1],
        ['send everything', 'keep everything'],
      )
    case 'maxError':
      return slider(
        actions,
        'Of what stays here, at most this share may be wrong',
        choice.maxError,
        [0.01, 0.5],
        ['strict', 'easy-going'],
      )
    case 'escalationRate':
      return slider(actions, 'Send at most this share to the frontier', choice.escalationRate, [0, 1], ['nothing', 'everything'])
  }
}

function slider(
  actions: Actions,
  label: string,
  value: number,
  [min, max]: readonly [number, number],
  [low, high]: readonly [string, string],
): TemplateResult {
  const change = ({ target }: Event): void => {
    if (target instanceof HTMLInputElement) actions.limit(target.valueAsNumber)
  }
  return html`
    <div class="slider">
      <label for="threshold">${label} <output for="threshold">${percent(value)}</output></label>
      <input
        id="threshold"
        type="range"
        min=${min}
        max=${max}
        step="0.01"
        .value=${String(value)}
        aria-valuetext=${percent(value)}
        @input=${change}
      />
      <p class="ends"><span>${low}</span><span>${high}</span></p>
    </div>
  `
}
