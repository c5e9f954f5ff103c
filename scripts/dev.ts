/** `npm run dev`: the demo page and the gateway on one origin, on the bundled models and the answer key. `--port N`, `--built`. */
import { parseArgs } from 'node:util'

import { build, createServer, preview } from 'vite'

import { ensureModels } from './models.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '5173' },
    built: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log('npm run dev [-- --port N] [-- --built]\n\n--built  build the demo first and serve that, as it would be deployed')
  process.exit(0)
}

await ensureModels()
const port = Number(values.port)
if (values.built) {
  await build()
  const server = await preview({ preview: { port, strictPort: true } })
  server.printUrls()
} else {
  const server = await createServer({ server: { port, strictPort: true } })
  await server.listen()
  server.printUrls()
}
console.log(
  '  The gateway answers from the answer key. For a real frontier model set FRONTIER_BASE_URL, FRONTIER_API_KEY and FRONTIER_MODEL.',
)
