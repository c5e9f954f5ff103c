import { existsSync, readFileSync } from 'node:fs'
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os'

export interface Machine {
  readonly os: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  /** Processes that wanted a core in the last minute, when the run began: a figure from a busy machine is worth less. */
  readonly load: number
}

export function describeMachine(): Machine {
  const all = cpus()
  return {
    os: `${platform()} ${release()} ${arch()}`,
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
  }
}

/** Versions of what was measured, by package. */
export function versions(browser: string | undefined): Readonly<Record<string, string>> {
  const packages = {
    transaxle: 'package.json',
    'onnxruntime-web': 'node_modules/onnxruntime-web/package.json',
    '@huggingface/transformers': 'node_modules/@huggingface/transformers/package.json',
    "onnxruntime-web of '@huggingface/transformers'":
      'node_modules/@huggingface/transformers/node_modules/onnxruntime-web/package.json',
  }
  const found = Object.entries(packages).flatMap(([name, file]) => (existsSync(file) ? [[name, versionIn(file)] as const] : []))
  return { node: process.versions.node, ...(browser === undefined ? {} : { chromium: browser }), ...Object.fromEntries(found) }
}

function versionIn(file: string): string {
  const json: unknown = JSON.parse(readFileSync(file, 'utf8'))
  return typeof json === 'object' && json !== null && 'version' in json ? String(json.version) : 'unknown'
}
