import { env, pipeline, TextStreamer } from '@huggingface/transformers'

import { GENERATOR } from './models.ts'
import { serve } from './serve.ts'
import { START_MESSAGES, START_THREADS, START_TOKENS, type StartFigures } from './start.ts'

async function start(): Promise<StartFigures> {
  const script = performance.now()
  env.allowRemoteModels = false
  env.allowLocalModels = true
  env.localModelPath = '/models/'
  env.useBrowserCache = true
  const { wasm } = env.backends.onnx
  if (wasm === undefined) throw new Error('The peer has no WASM backend.')
  wasm.numThreads = START_THREADS
  // The files that it would fetch from a CDN, from the same host as everything else.
  const file = (end: string): string => new URL(`/peer-ort/ort-wasm-simd-threaded.asyncify.${end}`, location.href).href
  wasm.wasmPaths = { mjs: file('mjs'), wasm: file('wasm') }

  const generator = await pipeline('text-generation', GENERATOR, { dtype: 'q8', device: 'wasm' })
  const loaded = performance.now()
  let firstToken = 0
  let text = ''
  const streamer = new TextStreamer(generator.tokenizer, {
    skip_prompt: true,
    skip_special_tokens: true,
    token_callback_function: () => {
      if (firstToken === 0) firstToken = performance.now()
    },
    callback_function: (piece: string) => {
      text += piece
    },
  })
  await generator([...START_MESSAGES], { max_new_tokens: START_TOKENS, do_sample: false, streamer })
  return { script, loaded, firstToken, text }
}

const started = start()
serve(() => started)
