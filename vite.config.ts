import { defineConfig, type UserConfigFnObject } from 'vite'

import { gatewayPlugin } from './scripts/gateway-plugin.ts'

const path = (relative: string): string => new URL(relative, import.meta.url).pathname

/** Cross-origin isolation gives WASM its threads; the policy lets nothing run or be asked that is not of this origin. */
export const pageHeaders = (mode: 'development' | 'production'): Record<string, string> => ({
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self' blob:",
    // Vite injects styles as elements while developing.
    mode === 'development' ? "style-src 'self' 'unsafe-inline'" : "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
})

/** The demo page, with the gateway on the same origin. The library is built by `scripts/build.ts`. */
const config: UserConfigFnObject = defineConfig(({ command }) => ({
  resolve: {
    alias: [
      { find: 'transaxle/worker', replacement: path('./workers/engine.worker.ts') },
      { find: 'transaxle', replacement: path('./src/index.ts') },
    ],
  },
  plugins: [gatewayPlugin()],
  server: { headers: pageHeaders(command === 'serve' ? 'development' : 'production') },
  preview: { headers: pageHeaders('production') },
  worker: { format: 'es' as const },
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  build: { outDir: 'dist-demo', target: 'es2023', assetsInlineLimit: 0 },
}))

export default config
