import { t } from '$lib/i18n/i18n.svelte'
import { FIELDS } from '$lib/usage/filters'
import { nameOf } from '$lib/usage/names'
import type { CallField, CallFilter } from './filters'

const MODES = ['api', 'web', 'both'] as const

export function fieldName(field: CallField): string {
  return t(`field.${field}`)
}

/** What a value is called on the screen, and what tells it from others of the same name. */
export function valueName(field: CallField, value: string): { text: string; note: string } {
  const shared = FIELDS.find((each) => each === field)
  if (shared) return nameOf(shared, value)
  if (field === 'success')
    return { text: t(value === 'true' ? 'requests.succeeded' : 'requests.failed'), note: '' }
  const mode = field === 'mode' && MODES.find((each) => each === value)
  return { text: mode ? t(`mode.${mode}`) : value, note: '' }
}

/** "Status is 429"; success says itself. */
export function callFilterName({ field, value }: CallFilter): string {
  const { text } = valueName(field, value)
  return field === 'success' ? text : t('filter.is', { field: fieldName(field), value: text })
}
