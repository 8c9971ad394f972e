import type { Billing, Overview, Totals } from '$lib/api/types'
import { money, parseNano } from '$lib/format/money'
import { compact, percent, signedPercent } from '$lib/format/numbers'
import { locale, t, tn } from '$lib/i18n/i18n.svelte'
import { callsChange, costChange, type Change } from './change'

/** The line under each figure: what to hold the number against. */

export function costNote(overview: Overview): string {
  const change = changeText(costChange(overview.today, overview.yesterday_same_time))
  const part = equivalentPart(overview.billing, overview.today)
  return part === null ? change : `${change} · ${part}`
}

/** Who has a subscription does not pay this amount, and must not read it as spent. */
export function costLabel(billing: Billing): string {
  return billing === 'subscription' ? t('figure.cost.subscription') : t('figure.cost')
}

export function costTag(billing: Billing): string {
  return billing === 'subscription' ? t('figure.cost.equivalent') : ''
}

export function tokensNote(today: Totals): string {
  if (today.total_tokens === 0) return t('figure.tokens.none')
  return t('figure.tokens.cached', { share: percent(today.cache_hit_rate ?? 0, locale()) })
}

export function callsNote(overview: Overview): string {
  const { today, yesterday_same_time: yesterday } = overview
  const change = changeText(callsChange(today, yesterday))
  return today.error_calls > 0
    ? `${tn('figure.calls.failed', today.error_calls)} · ${change}`
    : change
}

export function burnNote(burn: Overview['burn']): string {
  const projected = parseNano(burn.projected_day_cost_nano)
  if (projected !== null && projected > 0n) {
    return t('figure.burn.projected', { amount: money(projected) })
  }
  return t('figure.burn.pace', { tokens: compact(Math.round(burn.tokens_per_minute), locale()) })
}

function changeText(change: Change): string {
  if (change.kind === 'no-base') return t('figure.change.none')
  if (change.kind === 'base') return t('figure.change.base', { amount: money(change.nano) })
  return t('figure.change', { change: signedPercent(change.percent, locale()) })
}

function equivalentPart(billing: Billing, today: Totals): string | null {
  const nano = parseNano(today.equivalent_cost_nano)
  if (billing !== 'mixed' || nano === null || nano === 0n) return null
  return t('figure.cost.part', { amount: money(nano) })
}
