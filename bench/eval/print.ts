import { figure } from '../stats.ts'
import { table } from '../table.ts'
import type { Report } from './report.ts'

/** The report as tables for people, in Markdown, so that they can be put into a document as they are. */
export function printReport(report: Report, price: { readonly input: number; readonly output: number }): string {
  return [answersText(report), scoresText(report), opinionsText(report), laddersText(report, price)]
    .filter((part) => part !== '')
    .join('\n\n')
}

function answersText({ rungs }: Report): string {
  const judgements = rungs.flatMap(({ task, rung, split, judged }) =>
    Object.entries(judged).map(([name, share]) => [task, rung, split, name, percent(share)]),
  )
  return [
    '## Answers\n',
    grid(
      [
        'task',
        'rung',
        'split',
        'cases',
        'valid',
        'p50 ms',
        'p95 ms',
        'prompt tokens',
        'answer tokens',
        'similarity',
        'not valid because',
      ],
      rungs.map((each) => [
        each.task,
        each.rung,
        each.split,
        String(each.cases),
        percent(each.valid),
        String(Math.round(each.p50)),
        String(Math.round(each.p95)),
        String(Math.round(each.promptTokens)),
        String(Math.round(each.completionTokens)),
        figure(each.similarity),
        Object.entries(each.problems)
          .map(([check, count]) => `${check} ${count}`)
          .join(', '),
      ]),
    ),
    '',
    'Share of all cases that are right; an answer that is not valid is not right.\n',
    grid(['task', 'rung', 'split', 'judged', 'right'], judgements),
  ].join('\n')
}

function scoresText({ calibrations }: Report): string {
  if (calibrations.length === 0) return ''
  const rows = calibrations.map(({ task, rung, calibration }) => {
    if (!calibration.fitted) return [task, rung, calibration.why, '', '', '', '', '', '']
    const { data, test } = calibration
    const on = data.kind === 'platt' ? data.signals.join(', ') : data.signal
    const { labels, wrong } = data
    return [
      task,
      rung,
      `${data.kind} on ${on}`,
      `${labels} (${wrong} wrong)`,
      `${test.answers} (${test.wrong} wrong)`,
      ...[test.ece, test.brier, test.auroc, test.aurc].map(figure),
    ]
  })
  return `## Scores, fitted on \`calibration\`, measured on \`test\`\n\n${grid(['task', 'rung', 'calibrator', 'labels', 'test answers', 'ECE', 'Brier', 'AUROC', 'AURC'], rows)}`
}

function opinionsText({ secondOpinions }: Report): string {
  return secondOpinions
    .map(
      ({ task, first, second, firstWrong, secondRightThere, firstRight, secondWrongThere }) =>
        `On \`calibration\`, ${task}: of the ${firstWrong} messages that \`${first}\` gets wrong, \`${second}\` gets ${secondRightThere} right; of the ${firstRight} that \`${first}\` gets right, \`${second}\` gets ${secondWrongThere} wrong.`,
    )
    .join('\n')
}

function laddersText({ ladders }: Report, price: { readonly input: number; readonly output: number }): string {
  if (ladders.length === 0) return ''
  const parts = ladders.map(({ task, rungs, figures }) => {
    const rows = figures.map((each) => [
      each.threshold,
      percent(each.kept),
      rungs.map((rung) => `${rung} ${percent(each.keptBy[rung] ?? 0)}`).join(', '),
      String(each.wrongKept),
      Number.isNaN(each.error) ? '' : percent(each.error),
      each.costPer1000.toFixed(2),
    ])
    const all = (figures[0]?.costOfAll ?? 0).toFixed(2)
    return `### ${task}: ${rungs.join(', then ')}\n\n${figures[0]?.cases ?? 0} cases; all of them at the frontier: ${all} for 1,000.\n\n${grid(['threshold', 'kept', 'kept by', 'wrong among the kept', 'error of the kept', 'cost of 1,000'], rows)}`
  })
  return [
    `## What would settle where, on \`test\`\n\nPrices: ${price.input} in, ${price.output} out for a million tokens, at four characters a token.`,
    ...parts,
  ].join('\n\n')
}

function grid(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return table(head, rows, { markdown: true })
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
