import { hourMinute, monthDay } from '$lib/format/time'
import { locale, t } from '$lib/i18n/i18n.svelte'
import { isPreset, localTime, type Period } from '$lib/range/period'

/** "Last 30 days", "Nov 1 – Nov 20", "Nov 20 08:00 – 14:00". */
export function periodName(period: Period): string {
  if (isPreset(period)) return t(`period.${period}`)
  const [from, to] = [localTime(period.from), localTime(period.to)]
  const [first, last] = [monthDay(from, locale()), monthDay(to, locale())]
  if (!period.from.includes('T')) return first === last ? first : `${first} – ${last}`
  const end = first === last ? hourMinute(to) : `${last} ${hourMinute(to)}`
  return `${first} ${hourMinute(from)} – ${end}`
}
