import type { Counts } from '$lib/api/types'
import { t } from '$lib/i18n/i18n.svelte'
import type { Segment } from '$ui/StackBar.svelte'

/** The Tokens of a group by kind, in the order of the chart; the dearer cache write is hatched. */
export function kindSegments(totals: Counts): Segment[] {
  return [
    { label: t('kind.read'), value: totals.cache_read_tokens, color: '--kind-read' },
    { label: t('kind.write5m'), value: totals.cache_write_5m_tokens, color: '--kind-write' },
    {
      label: t('kind.write1h'),
      value: totals.cache_write_1h_tokens,
      color: '--kind-write',
      hatched: true,
    },
    { label: t('kind.input'), value: totals.input_tokens, color: '--kind-input' },
    { label: t('kind.output'), value: totals.output_tokens, color: '--kind-output' },
  ]
}
