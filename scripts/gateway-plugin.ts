import type { Connect, Plugin } from 'vite'

import { readConfig } from '../server/config.ts'
import type { Environment } from '../server/config.ts'
import { createNodeListener } from '../server/node.ts'
import type { NodeListener } from '../server/node.ts'

const ROUTES = /^\/(v1|healthz)(\/|\?|$)/

export interface GatewayPluginOptions {
  /** The gateway's settings. Default: the process's environment. `HOST`, `PORT` and `ALLOWED_HOSTS` are Vite's business here. */
  readonly env?: Environment | undefined
}

/**
 * Mounts the gateway on Vite's own dev and preview server, at `/v1` and `/healthz`, so that a page and its gateway share an origin.
 * It comes before Vite's middlewares: nothing compresses or buffers its streams.
 *
 * @throws ConfigError when the server starts, where the settings cannot be used or there is no answer key
 */
export function gatewayPlugin(options: GatewayPluginOptions = {}): Plugin {
  // Vite checks host names itself, before it comes to this.
  const create = (): NodeListener => createNodeListener({ ...readConfig(options.env ?? process.env), allowedHosts: undefined })

  return {
    name: 'transaxle-gateway',
    configureServer(server) {
      let listener = create()
      server.middlewares.use(mount((incoming, outgoing) => listener(incoming, outgoing)))
      server.watcher.on('change', (file) => {
        if (!file.endsWith('inbox.json')) return
        try {
          listener = create()
        } catch (thrown) {
          server.config.logger.error(
            `The gateway keeps its old answer key: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
          )
        }
      })
    },
    configurePreviewServer(server) {
      server.middlewares.use(mount(create()))
    },
  }
}

function mount(listener: NodeListener): Connect.NextHandleFunction {
  return (incoming, outgoing, next) => {
    if (ROUTES.test(incoming.url ?? '')) listener(incoming, outgoing)
    else next()
  }
}
