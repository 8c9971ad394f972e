import { projectFolder, projectName } from '$lib/format/paths'
import { partyNames } from '$lib/gateway/partyNames.svelte'
import { t } from '$lib/i18n/i18n.svelte'
import type { Group } from '$lib/api/types'
import type { Field, Filter } from './filters'

const SOURCES = ['transcript', 'gateway', 'runner'] as const
const SHORT_ID = 8

export interface Name {
  text: string
  /** What tells it from others of the same name. */
  note: string
}

/** A group as a row names it: a session's own id says little, its project more. */
export function groupName(field: Field, group: Group): Name {
  const value = group[field] ?? null
  if (field !== 'session' || !value || !group.project) return nameOf(field, value)
  return { text: projectName(group.project), note: value.slice(0, SHORT_ID) }
}

/** "Model is claude-opus-5", "Project is not notes". */
export function filterName({ field, value, exclude }: Filter): string {
  return t(exclude ? 'filter.not' : 'filter.is', {
    field: t(`field.${field}`),
    value: nameOf(field, value).text,
  })
}

/** What a value of a field is called on the screen. */
export function nameOf(field: Field, value: string | null): Name {
  if (!value) return { text: t('usage.unknown'), note: '' }
  if (field === 'project') return { text: projectName(value), note: projectFolder(value) }
  if (field === 'session') return { text: value.slice(0, SHORT_ID), note: '' }
  if (field === 'access_token' || field === 'account')
    return { text: partyNames.of(field, value) ?? value, note: '' }
  const source = field === 'source' && SOURCES.find((each) => each === value)
  return { text: source ? t(`source.${source}`) : value, note: '' }
}
