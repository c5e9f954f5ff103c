import { html, type TemplateResult } from 'lit'

import { bytes, percent } from '../format.ts'
import type { ModelState } from '../state.ts'

const STAGE_WORDS = { download: 'Fetching', session: 'Preparing', 'self-check': 'Checking itself', ready: 'Ready' } as const

/** How far the load of a model has come: bytes while it is fetched, a moving bar after that. */
export function progress({ stage = 'download', loaded, total, rate }: ModelState, title: string): TemplateResult {
  const inBytes = stage === 'download' && total > 0
  return html`
    <div class="progress">
      ${inBytes ? html`<progress aria-label="${title}: bytes fetched" max=${total} .value=${loaded}></progress>` : html`<progress aria-label="${title}: ${STAGE_WORDS[stage]}"></progress>`}
      <p>
        ${STAGE_WORDS[stage]}${inBytes ? ` ${bytes(loaded)} of ${bytes(total)} (${percent(loaded / total)})` : '…'}${inBytes && rate > 0 ? `, ${bytes(rate)} a second` : ''}
      </p>
    </div>
  `
}
