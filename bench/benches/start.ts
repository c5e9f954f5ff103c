import type { Bench, BenchContext, Result } from '../contract.ts'
import type { StartFigures } from '../page/start.ts'
import { ask, type Profile, type Site } from '../site.ts'
import { median, pairedRatio } from '../stats.ts'

const PEER = '@huggingface/transformers'
/** The peer's writes to its cache may go on after its first token. */
const WRITING = 1500

interface Starts {
  readonly cold: StartFigures[]
  readonly warm: StartFigures[]
}

interface Measured {
  readonly ours: Starts
  readonly peer: Starts
}

const measured = new WeakMap<BenchContext['site'], Promise<Measured>>()

export const coldStart: Bench = {
  name: 'core/cold-start',
  unit: 'ms',
  summary: `new browser profile, nothing cached, weights from a local server: navigation to first token, against ${PEER}`,
  run: async (context) => [result('core/cold-start', 'cold', await measure(context))],
}

export const warmStart: Bench = {
  name: 'core/warm-start',
  unit: 'ms',
  summary: `new page, cached weights: navigation to first token, against ${PEER}, same weights (q8), both with 2 threads`,
  run: async (context) => {
    const figures = await measure(context)
    return [{ ...result('core/warm-start', 'warm', figures), bar: { of: 'ratio', atLeast: 2 } }]
  },
}

/** Cold and warm come from the same pages, so they are measured together, once. */
function measure(context: BenchContext): Promise<Measured> {
  const known = measured.get(context.site)
  if (known !== undefined) return known
  const made = measureBoth(context)
  measured.set(context.site, made)
  return made
}

async function measureBoth({ site, runs = 5, log }: BenchContext): Promise<Measured> {
  const ours: Starts = { cold: [], warm: [] }
  const peer: Starts = { cold: [], warm: [] }
  const opened = await site()
  for (let run = 0; run < runs; run += 1) {
    log(`core/cold-start, core/warm-start: run ${run + 1} of ${runs} …`)
    const order = [['start-ours', ours] as const, ['start-peer', peer] as const]
    for (const [page, starts] of run % 2 === 0 ? order : order.toReversed()) await startTwice(opened, page, starts)
  }
  return { ours, peer }
}

async function startTwice(site: Site, page: string, starts: Starts): Promise<void> {
  const profile = await site.profile()
  try {
    starts.cold.push(await startOnce(profile, page))
    starts.warm.push(await startOnce(profile, page))
  } finally {
    await profile.close()
  }
}

async function startOnce(profile: Profile, name: string): Promise<StartFigures> {
  const page = await profile.open(name)
  const figures = await ask<StartFigures>(page, {})
  await page.waitForTimeout(WRITING)
  await page.close()
  return figures
}

function result(name: string, kind: keyof Starts, { ours, peer }: Measured): Result {
  const first = (starts: Starts): number[] => starts[kind].map(({ firstToken }) => firstToken)
  const mine = first(ours)
  const theirs = first(peer)
  return {
    name,
    metric: 'navigation to first token',
    unit: 'ms',
    ours: median(mine),
    peer: median(theirs),
    peerName: PEER,
    ratio: pairedRatio(theirs, mine),
    runs: mine.length,
    samples: { ours: mine, peer: theirs },
    note: `script, model ready, first token: ${phases(ours[kind])} against ${phases(peer[kind])}`,
  }
}

function phases(starts: readonly StartFigures[]): string {
  const of = (pick: (start: StartFigures) => number): string => String(Math.round(median(starts.map(pick))))
  return [of(({ script }) => script), of(({ loaded }) => loaded), of(({ firstToken }) => firstToken)].join(', ')
}
