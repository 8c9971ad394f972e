import type { Counts, Split } from '$lib/api/types'
import type { MessageKey } from '$lib/i18n/messages'

export const COUNTS: readonly { name: keyof Counts; label: MessageKey }[] = [
  { name: 'input_tokens', label: 'kind.input' },
  { name: 'output_tokens', label: 'kind.output' },
  { name: 'cache_write_5m_tokens', label: 'kind.write5m' },
  { name: 'cache_write_1h_tokens', label: 'kind.write1h' },
  { name: 'cache_read_tokens', label: 'kind.read' },
]

/** The Tokens of a period, to be priced as if another model had used them. */
export function countsOf(totals: Split): Counts {
  const counts: Counts = { ...NOTHING }
  for (const { name } of COUNTS) counts[name] = totals[name]
  return counts
}

/** An average call of the period. */
export function averageCall(totals: Split): Counts {
  const counts = countsOf(totals)
  for (const { name } of COUNTS) counts[name] = Math.round(counts[name] / Math.max(totals.calls, 1))
  return counts
}

const NOTHING: Counts = {
  input_tokens: 0,
  output_tokens: 0,
  cache_write_5m_tokens: 0,
  cache_write_1h_tokens: 0,
  cache_read_tokens: 0,
}
