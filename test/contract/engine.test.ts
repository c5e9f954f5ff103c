import type { ModelSource } from '../../src/contracts/models.ts'
import { EmbeddingClient } from '../../src/engine/embedding-client.ts'
import { GenerationClient } from '../../src/engine/generation-client.ts'
import { fakeEmbeddingEngine, fakeGenerationEngine } from '../../src/testing/index.ts'
import { describeEmbeddingEngine } from './embedding-engine.ts'
import { describeGenerationEngine } from './generation-engine.ts'

const sources: readonly ModelSource[] = [{ base: '/models', layout: 'folder' }]
const createWorker = (): Worker => new Worker(new URL('../../workers/engine.worker.ts', import.meta.url), { type: 'module' })
const alwaysLoaded = 'The fake is loaded from the start.'

function fakeGenerator(options: Parameters<typeof fakeGenerationEngine>[0]) {
  const engine = fakeGenerationEngine(options)
  return { engine, close: () => engine.close() }
}

const ANSWER = 'Red, green and blue are three colours.'
describeGenerationEngine('fake generation engine', () => fakeGenerator({ answers: [ANSWER] }), {
  'context-overflow': 'The fake takes prompts of any length.',
  'not-loaded': alwaysLoaded,
})
describeGenerationEngine('fake generation engine without signals', () => fakeGenerator({ respond: () => ANSWER, signals: false }), {
  'context-overflow': 'The fake takes prompts of any length.',
  'not-loaded': alwaysLoaded,
})
describeGenerationEngine('engine worker, SmolLM2-135M-Instruct q8 on WASM', () => {
  const model = { id: 'HuggingFaceTB/SmolLM2-135M-Instruct', dtype: 'q8' } as const
  const engine = new GenerationClient({ createWorker, engine: { model, sources, backend: 'wasm' } })
  return { engine, close: () => engine.close() }
})

describeEmbeddingEngine(
  'fake embedding engine',
  () => {
    const engine = fakeEmbeddingEngine()
    return { engine, close: () => engine.close() }
  },
  { 'not-loaded': alwaysLoaded },
)
describeEmbeddingEngine('engine worker, all-MiniLM-L6-v2 q8 on WASM', () => {
  const model = { id: 'Xenova/all-MiniLM-L6-v2', dtype: 'q8' } as const
  const engine = new EmbeddingClient({ createWorker, engine: { model, sources, backend: 'wasm' } })
  return { engine, close: () => engine.close() }
})
