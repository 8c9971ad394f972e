import { t } from '$lib/i18n/i18n.svelte'
import { ACCOUNT_TYPES } from './accountForm'

const HEALTHS = ['healthy', 'unhealthy', 'unknown'] as const

/** What a kind of credential is called; one nobody knows goes by its own name. */
export function typeName(type: string): string {
  const known = ACCOUNT_TYPES.find((each) => each === type)
  return known ? t(`account.type.${known}`) : type
}

export function healthName(health: string): string {
  return t(`health.${HEALTHS.find((each) => each === health) ?? 'unknown'}`)
}
