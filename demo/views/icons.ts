import type { Settled } from 'transaxle'
import { html, type TemplateResult } from 'lit'

export type IconName =
  | Settled
  | 'none'
  | 'back'
  | 'stop'
  | 'search'
  | 'shield'
  | 'yes'
  | 'no'
  | 'download'
  | 'sun'
  | 'moon'
  | 'system'
  | 'mountain'

/** Drawn on 20 by 20, in the colour of the text. */
const PATHS: Readonly<Record<IconName, string>> = {
  device: 'M3.5 4.5h13v8.5h-13zM1.5 15.5h17M8 8.8l1.6 1.6L12.5 7',
  frontier: 'M6 15.5a3.5 3.5 0 0 1-.6-6.95 4.8 4.8 0 0 1 9.3 1A3 3 0 0 1 14.5 15.5zM10 13.5V9.5M8.2 11.2 10 9.4l1.8 1.8',
  cache: 'M4 10a6 6 0 1 1 1.8 4.25M4 10 2.3 8.4M4 10l1.8-1.5M10 6.5V10l2.5 1.5',
  fallback: 'M5 2.5h7l3.5 3.5v11.5H5zM12 2.5V6h3.5M7.5 9.5h5M7.5 12h5M7.5 14.5h3',
  queued: 'M2.5 11.5 5 4.5h10l2.5 7v4.5h-15zM2.5 11.5h4.2l1.3 2h4l1.3-2h4.2',
  refused: 'M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15zM4.8 4.8l10.4 10.4',
  none: 'M10 9.2a.8.8 0 1 0 0 1.6.8.8 0 0 0 0-1.6z',
  back: 'M12 4.5 6.5 10l5.5 5.5',
  stop: 'M5.5 5.5h9v9h-9z',
  search: 'M8.7 3a5.7 5.7 0 1 0 0 11.4A5.7 5.7 0 0 0 8.7 3zM13 13l4.2 4.2',
  shield: 'M10 2.5 16 5v4.5c0 3.7-2.5 6.5-6 8-3.5-1.5-6-4.3-6-8V5z',
  yes: 'M4 10.5l4 4 8-9',
  no: 'M5 5l10 10M15 5 5 15',
  download: 'M10 3v9.5M6 9l4 4 4-4M3.5 16.5h13',
  sun: 'M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6 16 16M4 16l1.4-1.4M14.6 5.4 16 4',
  moon: 'M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3z',
  system: 'M3 4h14v9.5H3zM7 17h6M10 13.5V17',
  mountain: 'M1.5 16.5 7 6.5l3 5 2-3 6.5 8z',
}

/** A picture beside words that say the same: hidden from screen readers. */
export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} />
  </svg>`
}
