import type { Part, Source, Where } from '../contracts/part.ts'

export type Shown = Extract<Part, { type: 'start' | 'delta' | 'signals' }>

/**
 * The place where a request's text becomes visible: once, from one source.
 * A source that has shown text owns the screen; whatever another source would show is dropped.
 */
export class Screen {
  readonly #id: string
  readonly #show: (part: Shown) => void
  #owner: Source | undefined
  #empty = true

  constructor(id: string, show: (part: Shown) => void) {
    this.#id = id
    this.#show = show
  }

  /** Where the text that can be seen came from, if there is any: from then on no other source may answer. */
  get shownBy(): Where | undefined {
    return this.#empty ? undefined : this.#owner?.where
  }

  /** Shows text of `source` as it is made. */
  delta(source: Source, text: string): void {
    if (text === '' || !this.#own(source)) return
    this.#empty = false
    this.#show({ type: 'delta', source, text })
  }

  /** Shows the settled answer's whole text, unless its source has shown it already. */
  release(source: Source, text: string): void {
    if (this.#empty) this.delta(source, text)
    else this.#own(source)
  }

  #own(source: Source): boolean {
    if (this.#owner === undefined) {
      this.#owner = source
      this.#show({ type: 'start', source, id: this.#id })
    }
    return this.#owner.where === source.where && this.#owner.model === source.model
  }
}
