/** What both start pages do, so that they differ in the library alone. Times are milliseconds since the page was navigated to. */
export interface StartFigures {
  /** The page's modules have run. */
  readonly script: number
  /** The model is ready. */
  readonly loaded: number
  /** The first text is on the page. */
  readonly firstToken: number
  readonly text: string
}

export const START_MESSAGES: { readonly role: 'user'; readonly content: string }[] = [
  { role: 'user', content: 'Write a short email to a customer whose parcel is late.' },
]
export const START_TOKENS = 4
export const START_THREADS = 2
