import { expect, test } from 'vitest'

test('the test page is cross-origin isolated and serves the models', async () => {
  expect(crossOriginIsolated).toBe(true)
  const config: unknown = await (await fetch('/models/HuggingFaceTB/SmolLM2-135M-Instruct/config.json')).json()
  expect(config).toMatchObject({ model_type: 'llama' })
})
