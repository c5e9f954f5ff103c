/**
 * A linear classifier over unit vectors: multinomial logistic regression with an L2 penalty and no bias, so that a text far from every
 * example gets an undecided distribution rather than the class with the most examples.
 */
export interface SoftmaxHead {
  /** One logit per class. */
  logits(vector: Float32Array): readonly number[]
}

export interface FitHeadOptions {
  readonly classes: number
  /** Weight of |W|^2 / 2 against the mean log loss. Default 0.15 / n: inverse strength C = 6.7 of the usual summed form. */
  readonly penalty?: number | undefined
  /** Awaited between pieces of work of some milliseconds each, so that a page stays responsive. Default: the next macrotask. */
  readonly pause?: (() => Promise<void>) | undefined
}

const DEFAULT_PENALTY = 0.15
const MOST_STEPS = 500
const CONVERGED = 3e-4
/** Multiplications between pauses: some 5 ms, longer while the code is cold. A pause may itself take 4 ms, so fewer would make the fit slow. */
const WORK_PER_PIECE = 2e6

/**
 * Minimises mean cross-entropy + penalty / 2 * |W|^2 by accelerated gradient descent (Nesterov 2004, constant step scheme III, section
 * 2.2.1) with step 1 / L; L = lambda_max(X^T X) / (2 n) + penalty bounds the Hessian (Böhning 1992). With few examples the weights are
 * written as W = X^T A, which makes each step cost n^2 k instead of 2 n d k and changes nothing else. Deterministic.
 * @param vectors n unit vectors of d dimensions
 * @param labels the class of each, in [0, classes)
 */
export async function fitSoftmaxHead(
  vectors: readonly Float32Array[],
  labels: readonly number[],
  options: FitHeadOptions,
): Promise<SoftmaxHead> {
  const { classes, pause = nextMacrotask } = options
  const n = vectors.length
  const penalty = options.penalty ?? DEFAULT_PENALTY / n
  const dimensions = vectors[0]?.length ?? 0
  const x = pack(vectors, dimensions)
  const xt = transpose(x, n, dimensions)
  const inner = n <= 2 * dimensions ? n : dimensions
  // `forward` times the parameters gives logits; with parameters A it is the Gram matrix, whose gradient needs no second product.
  const forward = inner === n ? await gram(x, xt, n, dimensions, pause) : x
  const lipschitz = largestEigenvalue(forward, inner === n ? undefined : xt, n, inner) / (2 * n) + penalty
  const condition = Math.sqrt(lipschitz / penalty)
  const momentum = (condition - 1) / (condition + 1)
  const pieceOfSteps = Math.max(1, Math.floor(WORK_PER_PIECE / (n * inner * classes)))

  await pause()

  let weights = new Float64Array(inner * classes)
  let ahead = weights
  for (let step = 0; step < MOST_STEPS; step += 1) {
    if (step % pieceOfSteps === pieceOfSteps - 1) await pause()
    const residual = multiply(forward, ahead, n, inner, classes)
    const worst = toResiduals(residual, labels, classes)
    const gradient = inner === n ? residual : multiply(xt, residual, inner, n, classes)
    const next = new Float64Array(weights.length)
    let change = 0
    let size = 0
    for (let i = 0; i < next.length; i += 1) {
      const value = (ahead[i] ?? 0) - ((gradient[i] ?? 0) / n + penalty * (ahead[i] ?? 0)) / lipschitz
      change += (value - (weights[i] ?? 0)) ** 2
      size += value ** 2
      next[i] = value
    }
    const previous = weights
    weights = next
    ahead = next.map((value, i) => value + momentum * (value - (previous[i] ?? 0)))
    if (worst === 0 || change <= CONVERGED ** 2 * size) break
  }

  const columns = inner === n ? multiply(xt, weights, dimensions, n, classes) : weights
  return { logits: (vector) => Array.from(multiply(Float64Array.from(vector), columns, 1, dimensions, classes)) }
}

/** exp(logit) / sum, in [0, 1], shifted so that nothing overflows. */
export function softmax(logits: readonly number[]): readonly number[] {
  const top = Math.max(...logits)
  const powers = logits.map((logit) => Math.exp(logit - top))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((power) => power / sum)
}

/** Turns each row of logits into probabilities minus the one-hot label, in place; returns the largest absolute residual. */
function toResiduals(logits: Float64Array, labels: readonly number[], classes: number): number {
  let worst = 0
  labels.forEach((label, i) => {
    const row = logits.subarray(i * classes, (i + 1) * classes)
    row.set(softmax(Array.from(row)))
    row[label] = (row[label] ?? 0) - 1
    worst = Math.max(worst, -(row[label] ?? 0))
  })
  return worst
}

/** By power iteration from a fixed start, raised a little since it comes from below. `back` is absent for a symmetric matrix. */
function largestEigenvalue(forward: Float64Array, back: Float64Array | undefined, rows: number, columns: number): number {
  let vector: Float64Array = new Float64Array(columns).fill(1 / Math.sqrt(columns))
  let value = 1
  for (let i = 0; i < 12; i += 1) {
    const once = multiply(forward, vector, rows, columns, 1)
    const image = back === undefined ? once : multiply(back, once, columns, rows, 1)
    value = Math.hypot(...image)
    if (value === 0) return 1
    const norm = value
    vector = image.map((entry) => entry / norm)
  }
  return 1.1 * value
}

/** x (n x dimensions) times its transpose, some rows at a time. */
async function gram(
  x: Float64Array,
  xt: Float64Array,
  n: number,
  dimensions: number,
  pause: () => Promise<void>,
): Promise<Float64Array> {
  const rows = Math.max(1, Math.floor(WORK_PER_PIECE / (dimensions * n)))
  const out = new Float64Array(n * n)
  for (let from = 0; from < n; from += rows) {
    const some = Math.min(rows, n - from)
    await pause()
    out.set(multiply(x.subarray(from * dimensions, (from + some) * dimensions), xt, some, dimensions, n), from * n)
  }
  return out
}

/** a (rows x inner) times b (inner x columns), row-major. */
function multiply(a: Float64Array, b: Float64Array, rows: number, inner: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns)
  for (let i = 0; i < rows; i += 1) {
    const row = i * columns
    for (let j = 0; j < inner; j += 1) {
      const factor = a[i * inner + j] ?? 0
      const from = j * columns
      for (let c = 0; c < columns; c += 1) out[row + c] = (out[row + c] ?? 0) + factor * (b[from + c] ?? 0)
    }
  }
  return out
}

function pack(vectors: readonly Float32Array[], dimensions: number): Float64Array {
  const out = new Float64Array(vectors.length * dimensions)
  vectors.forEach((vector, i) => out.set(vector, i * dimensions))
  return out
}

function transpose(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(matrix.length)
  matrix.forEach((value, i) => {
    out[(i % columns) * rows + Math.floor(i / columns)] = value
  })
  return out
}

function nextMacrotask(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0)
  })
}
