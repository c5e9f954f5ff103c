/** Columns of text, padded: numbers to the right, all else to the left. `markdown`: with bars between. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { markdown = false }: { readonly markdown?: boolean } = {},
): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const numeric = head.map((_, i) => rows.length > 0 && rows.every((row) => /^$|^[-+]?[\d.,]+ ?%?$/.test(row[i] ?? '')))
  const line = (cells: readonly string[]): string => {
    const padded = widths.map((width, i) =>
      numeric[i] === true ? (cells[i] ?? '').padStart(width) : (cells[i] ?? '').padEnd(width),
    )
    return markdown ? `| ${padded.join(' | ')} |` : padded.join('  ').trimEnd()
  }
  const rule = widths.map((width, i) => {
    const dashes = '-'.repeat(Math.max(3, width))
    return markdown && numeric[i] === true ? `${dashes.slice(1)}:` : dashes
  })
  return [line(head), markdown ? `| ${rule.join(' | ')} |` : rule.join('  '), ...rows.map(line)].join('\n')
}
