import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const KNOWN = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable']

/** Flags under which Chromium runs headless in a container and offers WebGPU in software (SwiftShader). */
export const CHROMIUM_FLAGS: readonly string[] = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-background-networking',
  '--disable-component-update',
  '--no-first-run',
]

/**
 * Path of a Chromium or Chrome: `$CHROMIUM`, one that is installed, or Debian's, which is then installed.
 * Throws where there is none and none can be installed.
 */
export function findChromium(): string {
  const known = [process.env['CHROMIUM'], ...KNOWN].find((path) => path !== undefined && existsSync(path))
  if (known !== undefined) return known
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  const run = (...command: string[]): void => {
    const [program, ...args] = [...sudo, ...command]
    if (program !== undefined)
      execFileSync(program, args, {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      })
  }
  console.log('No Chromium found; installing the Debian package chromium …')
  try {
    run('apt-get', 'update', '-qq')
    run('apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'chromium')
  } catch (cause) {
    throw new Error('The browser tests need Chromium. Install it (Debian: apt-get install chromium) or set CHROMIUM to its path.', {
      cause,
    })
  }
  return findChromium()
}
