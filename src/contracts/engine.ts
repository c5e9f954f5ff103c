import type { Backend, LoadProgress, LoadReport, ModelSource, ModelSpec } from './models.ts'
import type { Part } from './part.ts'
import type { CandidateScore } from './signals.ts'

export type Role = 'system' | 'user' | 'assistant'

export interface ChatMessage {
  readonly role: Role
  readonly content: string
}

/** Messages go through the model's own chat template; `prefill` starts the assistant's turn. Text goes in as it is. */
export type Prompt =
  | { readonly messages: readonly ChatMessage[]; readonly prefill?: string | undefined }
  | { readonly text: string }

/** Defaults give greedy decoding. They change which token is taken, never the signals. */
export interface Sampling {
  /** 0 = greedy. */
  readonly temperature?: number | undefined
  /** 0 = off. */
  readonly topK?: number | undefined
  /** In (0, 1]; 1 = off. */
  readonly topP?: number | undefined
  /** >= 1; 1 = off (Keskar et al. 2019, CTRL, section 4.1). */
  readonly repetitionPenalty?: number | undefined
  /** Makes sampling repeatable. */
  readonly seed?: number | undefined
}

export interface GenerateRequest {
  readonly prompt: Prompt
  readonly maxTokens: number
  /** The answer ends before the first of these; none of it is in the text. */
  readonly stop?: readonly string[] | undefined
  readonly sampling?: Sampling | undefined
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds from the call to its end. A generation: to the first part, and between parts. */
  readonly deadline?: number | undefined
}

export interface EngineOptions {
  readonly model: ModelSpec
  readonly sources: readonly ModelSource[]
  /** `auto`: WebGPU from a real adapter that passes the self-check, else WASM. */
  readonly backend: Backend | 'auto'
  /** WASM threads; default: what the machine has, 4 at most, 1 where the page is not cross-origin isolated. */
  readonly threads?: number | undefined
}

export interface LoadOptions extends CallOptions {
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined
}

export interface GenerationCapabilities {
  /** Token signals from raw logits. Without them every score is `unknown`. */
  readonly signals: boolean
  readonly grammar: boolean
  readonly prefixReuse: boolean
}

/** A language model on the device. Errors of `generate` are parts; the other calls reject with a typed error. */
export interface GenerationEngine {
  readonly capabilities: GenerationCapabilities
  load(options?: LoadOptions): Promise<LoadReport>
  generate(request: GenerateRequest, options?: CallOptions): AsyncIterable<Part>
  /** Log-probability of each candidate as the prompt's continuation; the prompt is run once. */
  score(prompt: Prompt, candidates: readonly string[], options?: CallOptions): Promise<readonly CandidateScore[]>
  countTokens(prompt: Prompt): Promise<number>
  unload(): Promise<void>
}

/** A sentence encoder. Vectors are unit length; the dot product of two is their cosine similarity. */
export interface EmbeddingEngine {
  load(options?: LoadOptions): Promise<LoadReport>
  embed(texts: readonly string[], options?: CallOptions): Promise<readonly Float32Array[]>
  unload(): Promise<void>
}
