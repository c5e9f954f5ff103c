const REDACTED = '[redacted]'
/** Shorter keys (`ollama`, say) are words that an answer may hold by right. */
const SHORTEST_SECRET = 12

/** Removes a key from texts, in the forms that an upstream may echo it in. */
export class Secret {
  readonly #forms: readonly string[]
  readonly #inAnswers: boolean

  constructor(value: string | undefined) {
    const forms =
      value === undefined || value === ''
        ? []
        : [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), base64(value)]
    this.#forms = [...new Set(forms)].sort((a, b) => b.length - a.length)
    this.#inAnswers = (value?.length ?? 0) >= SHORTEST_SECRET
  }

  /** For errors and logs. */
  scrub(text: string): string {
    return this.#forms.reduce((rest, form) => rest.replaceAll(form, REDACTED), text)
  }

  /** For the JSON of an answer. */
  scrubAnswer(text: string): string {
    return this.#inAnswers ? this.scrub(text) : text
  }

  /** For an answer's text that comes in pieces: a key that is cut in two does not get through either. */
  scrubber(): Scrubber {
    return new Scrubber(this.#inAnswers ? this.#forms : [], (text) => this.scrub(text))
  }
}

/** Holds back the end of a text while it may be the beginning of a key. */
export class Scrubber {
  readonly #forms: readonly string[]
  readonly #scrub: (text: string) => string
  #held = ''

  constructor(forms: readonly string[], scrub: (text: string) => string) {
    this.#forms = forms
    this.#scrub = scrub
  }

  push(text: string): string {
    const whole = this.#scrub(this.#held + text)
    let hold = 0
    for (const form of this.#forms) hold = Math.max(hold, overlap(whole, form))
    this.#held = whole.slice(whole.length - hold)
    return whole.slice(0, whole.length - hold)
  }

  flush(): string {
    const rest = this.#held
    this.#held = ''
    return rest
  }
}

/** The longest end of `text` that `form` begins with. */
function overlap(text: string, form: string): number {
  for (let length = Math.min(text.length, form.length - 1); length > 0; length -= 1) {
    if (text.endsWith(form.slice(0, length))) return length
  }
  return 0
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
}
