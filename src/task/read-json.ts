import type { Draft } from '../contracts/task.ts'
import { isRecord } from '../utils/json.ts'

/**
 * The JSON object in a model's text. Taken in stride: fences and words around it, commas before a closing bracket, Python's `None`,
 * `True` and `False`, line breaks inside strings. Never made up: a bracket, quote, key or value that is missing makes it a problem.
 */
export function readJson(text: string): Draft['parsed'] {
  const start = text.indexOf('{')
  if (start < 0) return { ok: false, problem: 'there is no JSON object in the answer' }
  const end = objectEnd(text, start)
  if (end === undefined) return { ok: false, problem: 'the JSON object is not closed' }
  const source = text.slice(start, end)
  for (const candidate of [source, mend(source)]) {
    try {
      const value: unknown = JSON.parse(candidate)
      if (isRecord(value)) return { ok: true, value }
    } catch {
      // The mended text is tried next; what is wrong with it stays unsaid, since parsers put the text itself into their messages.
    }
  }
  return { ok: false, problem: 'the JSON object is not well-formed' }
}

/** The index after the bracket that closes the object at `start`; undefined while it is open. Brackets in strings do not count. */
export function objectEnd(text: string, start: number): number | undefined {
  let depth = 0
  let inString = false
  for (let i = start; i < text.length; i += 1) {
    const character = text[i]
    if (inString) {
      if (character === '\\') i += 1
      else if (character === '"') inString = false
    } else if (character === '"') inString = true
    else if (character === '{' || character === '[') depth += 1
    else if (character === '}' || character === ']') {
      depth -= 1
      if (depth === 0) return i + 1
    }
  }
  return undefined
}

const WORDS: Readonly<Record<string, string>> = { None: 'null', True: 'true', False: 'false', undefined: 'null' }

/** Strings keep their text, with line breaks escaped; between them, trailing commas go and Python's words become JSON's. */
function mend(source: string): string {
  return source.replace(/"(?:[^"\\]|\\[^])*"|,(?=\s*[}\]])|\b(?:None|True|False|undefined)\b/g, (found) => {
    if (found.startsWith('"')) return found.replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('\r', '\\r')
    return found === ',' ? '' : (WORDS[found] ?? found)
  })
}
