import type { Grouped, GroupKeys, Measured } from '$lib/api/types'
import { percentChange } from '$lib/format/money'
import { signedPercent } from '$lib/format/numbers'
import { locale, t } from '$lib/i18n/i18n.svelte'
import { amountOf } from './amounts'
import { FIELDS } from './filters'
import type { Metric } from './view.svelte'

/** "+12%", "new", or nothing where two lower bounds would be compared. */
export function changeText(now: Measured, before: Measured | undefined, metric: Metric): string {
  if (!before) return ''
  if (before.calls === 0) return now.calls === 0 ? '' : t('usage.new')
  if (metric === 'cost' && !(now.complete && before.complete)) return ''
  const percent = percentChange(amountOf(now, metric), amountOf(before, metric))
  return percent === null ? '' : signedPercent(percent, locale())
}

/** What names a group among those of one question. */
export function groupKey(group: GroupKeys): string {
  return JSON.stringify(FIELDS.map((field) => group[field] ?? null))
}

const NOTHING: Measured = { calls: 0, total_tokens: 0, total_cost_nano: '0', complete: true }

/** Groups of the period before, to be looked up; where all are known, an absent one spent nothing. */
export function beforeByKey(
  answer: Grouped | undefined,
): (group: GroupKeys) => Measured | undefined {
  if (!answer) return () => undefined
  const known = new Map(answer.rows.map((row) => [groupKey(row), row]))
  const otherwise = answer.rest ? undefined : NOTHING
  return (group) => known.get(groupKey(group)) ?? otherwise
}
