import type { StandardSchemaV1 } from '@standard-schema/spec'

import { isRecord } from '../utils/json.ts'

/** A Standard Schema for the outputs of the library's own tasks, without a schema library: `{ [key]: one text that is allowed }`. */
export function textMember<K extends string, T extends string>(
  key: K,
  allowed: (text: string) => text is T,
  expected: string,
): StandardSchemaV1<unknown, { readonly [P in K]: T }> {
  return {
    '~standard': {
      version: 1,
      vendor: 'transaxle',
      validate: (value) => {
        const text = isRecord(value) ? value[key] : undefined
        if (typeof text !== 'string' || !allowed(text)) return { issues: [{ message: `must be ${expected}`, path: [key] }] }
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a computed key widens to string
        return { value: { [key]: text } as { readonly [P in K]: T } }
      },
    },
  }
}

/** `{ text }`, the value of tasks that write. */
export const TEXT_SCHEMA: StandardSchemaV1<unknown, { readonly text: string }> = textMember(
  'text',
  (text): text is string => text.trim() !== '',
  'a text that is not empty',
)
