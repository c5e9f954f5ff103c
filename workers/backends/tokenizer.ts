import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers'

import { ModelError } from '../../src/errors/model-error.ts'
import { isRecord } from '../../src/utils/json.ts'

/** Text to token ids and back, as the model's own tokenizer does it. */
export interface Tokenizer {
  /** Ids of a text. Special tokens written in the text become their ids; none are added unless `special` is true. */
  encode(text: string, special?: boolean): number[]
  /** Text of ids; special tokens leave no text. */
  decode(ids: readonly number[]): string
  id(token: string): number | undefined
}

/** Makes a tokenizer from the parsed `tokenizer.json` and `tokenizer_config.json`. Throws ModelError (`model-incompatible`). */
export function createTokenizer(tokenizerJson: unknown, tokenizerConfig: unknown): Tokenizer {
  if (!isRecord(tokenizerJson) || !isRecord(tokenizerConfig)) {
    throw new ModelError('model-incompatible', 'tokenizer.json and tokenizer_config.json must each hold a JSON object.', {
      details: { file: 'tokenizer.json' },
    })
  }
  try {
    const inner = new HubTokenizer(
      { ...tokenizerJson, pre_tokenizer: exactPreTokenizer(tokenizerJson['pre_tokenizer']) },
      tokenizerConfig,
    )
    return {
      encode: (text, special = false) => (text === '' && !special ? [] : inner.encode(text, { add_special_tokens: special }).ids),
      decode: (ids) =>
        ids.length === 0 ? '' : inner.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
      id: (token) => inner.token_to_id(token),
    }
  } catch (cause) {
    throw new ModelError(
      'model-incompatible',
      'The tokenizer of this model cannot be built: its tokenizer.json uses a part this library lacks.',
      {
        details: { file: 'tokenizer.json' },
        cause,
      },
    )
  }
}

/** GPT-2's split, as `ByteLevel` applies it. */
const BYTE_LEVEL_SPLIT = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/**
 * The same pre-tokenizer, said so that the JavaScript implementation does what the original (Rust) does.
 * There, a digit is any character of the Unicode category N (`char::is_numeric`) and `\s` is the property White_Space;
 * here, `Digits` takes `\d` (ASCII only) and `ByteLevel` takes JavaScript's `\s` (with U+FEFF, without U+0085).
 * `Split` on a regular expression follows the original, so both are written as `Split`.
 */
function exactPreTokenizer(config: unknown): unknown {
  if (!isRecord(config)) return config
  if (config['type'] === 'Sequence' && Array.isArray(config['pretokenizers'])) {
    return { ...config, pretokenizers: config['pretokenizers'].map(exactPreTokenizer) }
  }
  if (config['type'] === 'Digits') return split(config['individual_digits'] === true ? '\\p{N}' : '\\p{N}+')
  if (config['type'] === 'ByteLevel' && config['add_prefix_space'] !== true && config['use_regex'] !== false) {
    return { type: 'Sequence', pretokenizers: [split(BYTE_LEVEL_SPLIT), { ...config, use_regex: false }] }
  }
  return config
}

function split(regex: string): unknown {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false }
}
