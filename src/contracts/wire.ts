import type { EngineOptions, GenerateRequest, Prompt } from './engine.ts'
import type { ErrorShape } from './error-shape.ts'
import type { LoadProgress, LoadReport } from './models.ts'
import type { Part } from './part.ts'
import type { CandidateScore } from './signals.ts'

/** The version of this file that both sides are built for: each names it in a constant of this type, so that they cannot drift apart unseen. */
export type WireApi = 1

/** What one worker does. Generation and embedding run in separate workers, so that one never waits for the other. */
export type WorkerKind = 'generate' | 'embed'

/** Errors cross the border as data, so that their code and cause survive it. */
export type Wire<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorShape }

/** Calls carry the caller's request id; `cancel(id)` stops that call within one token. */
export interface EngineWorker {
  /**
   * First call. The worker takes the Web Lock `lock` and holds it for its life: whoever waits for that lock learns of its death.
   * `api` is the wire version; a worker of another version answers with an error instead of misreading calls.
   */
  hello(options: { readonly api: number; readonly kind: WorkerKind; readonly lock: string }): Promise<Wire<void>>
  load(id: string, options: EngineOptions, onProgress: (progress: LoadProgress) => void): Promise<Wire<LoadReport>>
  /** Parts come in batches, in order; resolves after the last batch was handed over. */
  generate(id: string, request: GenerateRequest, onParts: (parts: readonly Part[]) => void): Promise<Wire<void>>
  score(id: string, prompt: Prompt, candidates: readonly string[]): Promise<Wire<readonly CandidateScore[]>>
  countTokens(id: string, prompt: Prompt): Promise<Wire<number>>
  embed(id: string, texts: readonly string[]): Promise<Wire<readonly Float32Array[]>>
  cancel(id: string): Promise<void>
  unload(id: string): Promise<Wire<void>>
}
