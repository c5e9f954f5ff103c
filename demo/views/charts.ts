import { html, nothing, svg, type TemplateResult } from 'lit'

import { percent, plural } from '../format.ts'
import type { Place, RiskPoint, Split } from '../routing.ts'
import { PLACES } from './words.ts'

const ORDER: readonly Place[] = ['encoder', 'generator', 'next', 'frontier', 'unread']

/** Where all messages would go, as one bar with its figures below. */
export function splitBar({ places, total }: Split): TemplateResult {
  let x = 0
  const parts = ORDER.map((place) => {
    const width = total === 0 ? 0 : (places[place] / total) * 1000
    const part = { place, x, width }
    x += width
    return part
  })
  return html`
    <svg class="split" viewBox="0 0 1000 40" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <defs>
        <pattern id="hatch" width="10" height="10" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect class="hatch-back" width="10" height="10" />
          <rect class="hatch-line" width="4" height="10" />
        </pattern>
      </defs>
      ${parts.map(({ place, x, width }) => svg`<rect class="bar-${place}" x=${x} y="0" width=${width} height="40" />`)}
    </svg>
    <ul class="legend" role="list">
      ${ORDER.filter((place) => places[place] > 0 || place === 'encoder' || place === 'frontier').map(
        (place) => html`<li><span class="swatch bar-${place}"></span><b>${places[place]}</b> ${PLACES[place]}</li>`,
      )}
    </ul>
  `
}

/** How doubtful one answer is, against the limit: the fill is the doubt, the mark is the limit. */
export function doubtBar(score: number, threshold: number): TemplateResult {
  const limit = Math.max(0, threshold)
  const over = score > threshold
  return html`
    <div class="doubt ${over ? 'over' : 'within'}">
      <svg viewBox="0 0 1000 60" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <rect class="doubt-track" x="0" y="18" width="1000" height="24" rx="0" />
        <rect class="doubt-stay" x="0" y="18" width=${limit * 1000} height="24" />
        <rect class="doubt-fill" x="0" y="24" width=${score * 1000} height="12" />
        <rect class="doubt-limit" x=${Math.min(994, limit * 1000 - 3)} y="6" width="6" height="48" />
      </svg>
      <p>
        Chance of being wrong <b>${percent(score, 1)}</b>,
        ${threshold < 0 ? html`limit <b>none</b> (everything goes out)` : html`your limit <b>${percent(limit, 1)}</b>`}:
        ${over ? 'too unsure to stay' : 'sure enough to stay'}
      </p>
    </div>
  `
}

const BOX = { left: 44, top: 10, width: 246, height: 116 }

/** Risk against coverage: the more is kept, the more of it is wrong. The dot is where the threshold stands now. */
export function riskChart(curve: readonly RiskPoint[], now: RiskPoint | undefined, labels: number): TemplateResult {
  const most = Math.max(0.1, ...curve.map(({ wrong }) => wrong))
  const top = Math.ceil(most * 10) / 10
  const x = (kept: number): number => BOX.left + kept * BOX.width
  const y = (wrong: number): number => BOX.top + (1 - wrong / top) * BOX.height
  const line = curve.map(({ kept, wrong }, i) => `${i === 0 ? 'M' : 'L'}${x(kept).toFixed(1)} ${y(wrong).toFixed(1)}`).join('')
  const bottom = BOX.top + BOX.height
  const words =
    now === undefined
      ? 'Nothing is scored yet.'
      : now.keptCount === 0
        ? `At this limit none of ${labels} checked messages stay on the device.`
        : `At this limit ${percent(now.kept)} of ${plural(labels, 'checked message')} stay on the device, and ${now.wrongCount} of those ${now.keptCount} (${percent(now.wrong, 1)}) are sorted wrongly.`
  return html`
    <figure class="risk">
      <svg viewBox="0 0 300 158" role="img" aria-label="Wrong answers among the kept ones, by the share that is kept. ${words}">
        ${[0, 0.5, 1].map(
          (share) => svg`
            <line class="grid" x1=${BOX.left} x2=${BOX.left + BOX.width} y1=${y(share * top)} y2=${y(share * top)} />
            <text class="tick" x=${BOX.left - 6} y=${y(share * top) + 4} text-anchor="end">${percent(share * top)}</text>
            <text class="tick" x=${x(share)} y=${bottom + 15} text-anchor=${share === 0 ? 'start' : share === 1 ? 'end' : 'middle'}>${percent(share)}</text>`,
        )}
        <text class="axis" x=${BOX.left + BOX.width / 2} y=${bottom + 29} text-anchor="middle">kept on the device</text>
        <text
          class="axis"
          x="8"
          y=${BOX.top + BOX.height / 2}
          text-anchor="middle"
          transform="rotate(-90 8 ${BOX.top + BOX.height / 2})"
        >
          wrong
        </text>
        <path class="curve" d=${line} />
        ${
          now === undefined || now.keptCount === 0
            ? nothing
            : svg`<line class="now-line" x1=${x(now.kept)} x2=${x(now.kept)} y1=${y(now.wrong)} y2=${bottom} />
                <circle class="now" cx=${x(now.kept)} cy=${y(now.wrong)} r="5" />`
        }
      </svg>
      <figcaption>${words}</figcaption>
    </figure>
  `
}
