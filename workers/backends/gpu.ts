import { EngineError } from '../../src/errors/engine-error.ts'

/** A GPU that can be used, or why there is none. */
export type GpuChoice =
  | { readonly usable: true; readonly adapter: GPUAdapter; readonly name: string; readonly software: boolean }
  | { readonly usable: false; readonly why: string }

/** Looks for an adapter. `software` ones answer too; `auto` does not take those. */
export async function findGpu(gpu: GPU | undefined): Promise<GpuChoice> {
  if (gpu === undefined) return { usable: false, why: 'this browser has no WebGPU' }
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (adapter === null) return { usable: false, why: 'WebGPU offers no adapter' }
    const { vendor, architecture, description } = adapter.info
    const name = [vendor, architecture].filter(Boolean).join(' ') || description || 'unnamed adapter'
    return { usable: true, adapter, name, software: isSoftware(adapter) }
  } catch (error) {
    return { usable: false, why: `WebGPU failed to give an adapter (${error instanceof Error ? error.message : String(error)})` }
  }
}

function isSoftware(adapter: GPUAdapter): boolean {
  return (
    adapter.info.isFallbackAdapter ||
    /swiftshader|llvmpipe|lavapipe/i.test(`${adapter.info.architecture} ${adapter.info.description}`)
  )
}

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupsPerDimension',
] as const

/** Below this, onnxruntime-web's subgroup flash attention gives wrong numbers in prefill (seen at 4, on SwiftShader). */
const SAFE_SUBGROUP = 8

/** Features to ask the device for. Without `subgroups`, kernels that are right on every adapter are used. */
export function deviceFeatures(adapter: Pick<GPUAdapter, 'features' | 'info'>): GPUFeatureName[] {
  const wanted: GPUFeatureName[] =
    (adapter.info.subgroupMinSize ?? 0) >= SAFE_SUBGROUP ? ['subgroups', 'shader-f16'] : ['shader-f16']
  return wanted.filter((name) => adapter.features.has(name))
}

/** The device that the model runs on, with the adapter's own limits. Throws EngineError (`device-lost`). */
export async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice({
      requiredFeatures: deviceFeatures(adapter),
      requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
    })
  } catch (cause) {
    throw new EngineError('device-lost', 'The GPU gave no device.', { retryable: true, cause })
  }
}
