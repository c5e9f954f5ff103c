/** A class and what shows it. Something out of scope is a label like any other. */
export interface Label<L extends string = string> {
  readonly id: L
  /** One sentence, for the frontier model. */
  readonly description: string
  /** A few texts of this class, in the form that `text` gives. The plainest first: short prompts use only the first ones. */
  readonly examples: readonly string[]
}
