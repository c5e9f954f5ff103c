import type { Exchange } from '../contracts/frontier.ts'
import type { Cost, StageName, TraceStep } from '../contracts/outcome.ts'
import type { Usage } from '../contracts/part.ts'
import { toShape } from '../errors/shape.ts'

type Price = (tokens: { readonly prompt: number; readonly completion: number }) => {
  readonly money: number
  readonly currency: string
}

const CHARACTERS_PER_TOKEN = 4

/** What one request did and used on its way: the trace and the cost of its outcome. */
export class RequestLog {
  readonly trace: TraceStep[] = []
  readonly exchange: Exchange = { bytesSent: 0, bytesReceived: 0 }
  readonly #now: () => number
  readonly #price: Price
  #deviceTokens = 0
  #frontierUsage: Usage = { promptTokens: 0, completionTokens: 0 }

  constructor(now: () => number, price: Price) {
    this.#now = now
    this.#price = price
  }

  /** Runs a stage and notes what it did and how long it took; a failure is noted and thrown on. `note` must not quote the request. */
  async step<T>(stage: StageName, work: () => T | Promise<T>, note: (result: T) => string): Promise<T> {
    const start = this.#now()
    try {
      const result = await work()
      this.trace.push({ stage, milliseconds: this.#now() - start, note: note(result) })
      return result
    } catch (error) {
      this.trace.push({ stage, milliseconds: this.#now() - start, note: 'failed', error: toShape(error) })
      throw error
    }
  }

  note(stage: StageName, note: string): void {
    this.trace.push({ stage, milliseconds: 0, note })
  }

  ranOnDevice(usage: Usage): void {
    this.#deviceTokens += usage.promptTokens + usage.completionTokens
  }

  ranAtFrontier(usage: Usage): void {
    this.#frontierUsage = usage
  }

  get frontierTokens(): { readonly prompt: number; readonly completion: number } {
    return { prompt: this.#frontierUsage.promptTokens, completion: this.#frontierUsage.completionTokens }
  }

  /** `wouldSend`: characters of prompt and answer that the frontier would have seen, had it been asked; 0 if it was. */
  cost(wouldSend: { readonly prompt: number; readonly answer: number }): Cost {
    const spent = this.#price(this.frontierTokens)
    const saved = this.#price({
      prompt: Math.ceil(wouldSend.prompt / CHARACTERS_PER_TOKEN),
      completion: Math.ceil(wouldSend.answer / CHARACTERS_PER_TOKEN),
    })
    return {
      deviceTokens: this.#deviceTokens,
      frontierTokens: this.frontierTokens.prompt + this.frontierTokens.completion,
      ...this.exchange,
      currency: spent.currency,
      spent: spent.money,
      saved: saved.money,
    }
  }
}
