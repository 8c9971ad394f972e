import type { CallScope, Scope } from '$lib/api/client'
import { filterText, type Filter } from './filters'

const FIELDS = ['model', 'project', 'session'] as const

/** Filters as lists of single calls take them, and those that such lists can't apply. */
export function callScope(
  scope: Scope,
  filters: readonly Filter[],
): { scope: CallScope; left: Filter[] } {
  const { start_date, end_date, timezone } = scope
  const applied: CallScope = { start_date, end_date, timezone }
  const left: Filter[] = []
  for (const filter of filters) {
    const field = FIELDS.find((each) => each === filter.field)
    if (
      filter.exclude ||
      !field ||
      !filter.value ||
      (applied[field] ?? filter.value) !== filter.value
    ) {
      left.push(filter)
    } else applied[field] = filter.value
  }
  return { scope: applied, left }
}

/** The page's filters and those of the row that was chosen, each once. */
export function joined(filters: readonly Filter[], extra: readonly Filter[]): Filter[] {
  const known = new Set(filters.map(filterText))
  return [...filters, ...extra.filter((each) => !known.has(filterText(each)))]
}
