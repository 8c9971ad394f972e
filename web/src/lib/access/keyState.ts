import type { TokenInfo } from '$lib/gateway/types'
import { compact } from '$lib/format/numbers'
import { locale, t, tn } from '$lib/i18n/i18n.svelte'
import { MODES } from './keyForm'

export type KeyState = 'valid' | 'expired' | 'revoked'

export function keyState(key: TokenInfo, now: number): KeyState {
  if (key.revoked_at) return 'revoked'
  return key.expires_at && Date.parse(key.expires_at) <= now ? 'expired' : 'valid'
}

/** What holds a key back, in a few words each; none: it may do everything. */
export function keyLimits(key: TokenInfo): string[] {
  const rate = (limit: number | null, word: 'keys.limit.requests' | 'keys.limit.tokens') =>
    limit === null ? [] : [t(word, { n: compact(limit, locale()) })]
  return [
    ...rate(key.requests_per_minute, 'keys.limit.requests'),
    ...rate(key.tokens_per_minute, 'keys.limit.tokens'),
    ...(key.concurrency === null ? [] : [t('keys.limit.concurrency', { n: key.concurrency })]),
    ...(key.models.length > 0 ? [tn('keys.limit.models', key.models.length)] : []),
    ...(key.ips.length > 0 ? [tn('keys.limit.ips', key.ips.length)] : []),
  ]
}

/** What a mode is called; one nobody knows goes by its own name. */
export function modeName(mode: string): string {
  const known = MODES.find((each) => each === mode)
  return known ? t(`mode.${known}`) : mode
}
