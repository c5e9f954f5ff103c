import { chromium, type Browser } from 'playwright'
import { build, preview, type InlineConfig, type PreviewServer } from 'vite'

import { CHROMIUM_FLAGS, findChromium } from '../../scripts/chromium.ts'

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium(), args: [...CHROMIUM_FLAGS] })
}

/** Builds with Vite and serves the result on a free port, as it would be deployed. */
export async function buildAndServe(config: InlineConfig): Promise<{ readonly url: string; readonly server: PreviewServer }> {
  // Vitest says `test` here; what is built is what is deployed.
  process.env['NODE_ENV'] = 'production'
  await build({ logLevel: 'warn', ...config })
  const server = await preview({ logLevel: 'warn', ...config, preview: { port: 0, host: '127.0.0.1' } })
  const address = server.httpServer.address()
  if (address === null || typeof address === 'string') throw new Error('The preview server has no port.')
  return { url: `http://127.0.0.1:${address.port}/`, server }
}
