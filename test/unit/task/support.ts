import type { StandardSchemaV1 } from '@standard-schema/spec'
import * as v from 'valibot'

import type { RungContext } from '../../../src/contracts/task.ts'
import {
  fakeEmbeddingEngine,
  fakeGenerationEngine,
  type FakeEmbeddingEngine,
  type FakeGenerationEngine,
  type FakeGenerationOptions,
} from '../../../src/testing/index.ts'
import { PromiseCache } from '../../../src/utils/memoize.ts'

export interface Input {
  readonly message: string
}

export const INPUT: StandardSchemaV1<unknown, Input> = v.object({ message: v.string() })
export const textOf = ({ message }: Input): string => message

export interface TestContext extends RungContext {
  readonly encoder: FakeEmbeddingEngine
  readonly generator: FakeGenerationEngine
  readonly shown: readonly string[]
}

/** A rung's context over the fakes. */
export function contextOf(options: FakeGenerationOptions = {}, history: RungContext['history'] = []): TestContext {
  const remembered = new PromiseCache()
  const shown: string[] = []
  return {
    encoder: fakeEmbeddingEngine(),
    generator: fakeGenerationEngine(options),
    signal: new AbortController().signal,
    history,
    onText: (text) => shown.push(text),
    remember: (key, make) => remembered.get(key, make),
    shown,
  }
}
