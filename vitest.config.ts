import { playwright } from '@vitest/browser-playwright'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

import { CHROMIUM_FLAGS, findChromium } from './scripts/chromium.ts'
import { gatewayPlugin } from './scripts/gateway-plugin.ts'

const alias = {
  'transaxle/worker': new URL('./workers/engine.worker.ts', import.meta.url).pathname,
  'transaxle/testing': new URL('./src/testing/index.ts', import.meta.url).pathname,
  transaxle: new URL('./src/index.ts', import.meta.url).pathname,
}

const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

/** Each file of `test/<name>` runs in the project `<name>`; `contract` runs in the browser too, where its ports are real. */
const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      { resolve: { alias }, test: { name: 'unit', include: ['test/unit/**/*.test.ts'], environment: 'node', testTimeout: 60_000 } },
      {
        resolve: { alias },
        test: { name: 'server', include: ['test/server/**/*.test.ts'], environment: 'node', testTimeout: 30_000 },
      },
      browserProject('contract', 60_000),
      browserProject('browser', 300_000),
      {
        resolve: { alias },
        test: {
          name: 'dist',
          include: ['test/dist/**/*.test.ts'],
          environment: 'node',
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
})

export default config

function browserProject(name: 'contract' | 'browser', testTimeout: number) {
  return {
    resolve: { alias },
    // Page and gateway on one origin, as in the demo.
    plugins: [gatewayPlugin()],
    server: { headers: isolation },
    worker: { format: 'es' as const },
    optimizeDeps: {
      exclude: ['onnxruntime-web'],
      include: [
        'comlink',
        'idb',
        '@huggingface/jinja',
        '@huggingface/tokenizers',
        'eventsource-parser',
        'eventsource-parser/stream',
        'valibot',
      ],
    },
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout,
      hookTimeout: testTimeout,
      fileParallelism: false,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({ launchOptions: { executablePath: findChromium(), args: [...CHROMIUM_FLAGS] } }),
        instances: [{ browser: 'chromium' as const }],
      },
    },
  }
}
