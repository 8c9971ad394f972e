import type { AccountInfo, AccountStatus, LimitWindow } from '$lib/gateway/types'

export type Tone = 'ok' | 'rest' | 'warn' | 'bad'

export const TONES: Record<AccountStatus, Tone> = {
  ready: 'ok',
  busy: 'ok',
  cooling: 'warn',
  open: 'bad',
  inactive: 'rest',
  unhealthy: 'bad',
  expired: 'bad',
}

const WINDOWS = ['five_hour', 'seven_day'] as const

/** Milliseconds until an account may be asked again; 0 when it may now. */
export function coolsFor(account: AccountInfo, now: number): number {
  const until = account.state.cooldown_until
  return until ? Math.max(0, Date.parse(until) - now) : 0
}

/** How much of a window is used: a share of one, null when the upstream did not say. */
export function usedShare({ used_percentage: used }: LimitWindow): number | null {
  return used === null ? null : Math.min(1, Math.max(0, used / 100))
}

/** The length of a window, where a word is known for it, and what else its name says: "seven_day_opus" is of one model. */
export function windowParts(window: string): {
  length: (typeof WINDOWS)[number] | null
  rest: string
} {
  const length = WINDOWS.find((each) => window === each || window.startsWith(`${each}_`)) ?? null
  return { length, rest: length ? window.slice(length.length + 1) : window }
}

/** Near its end a window is worth a look, at its end it is the reason that nothing goes. */
export function windowTone(share: number | null): Tone {
  if (share === null || share < 0.8) return 'ok'
  return share < 1 ? 'warn' : 'bad'
}

/** The share of calls that went well; null before there are any. */
export function successRate({
  success_count: well,
  error_count: failed,
}: AccountInfo): number | null {
  return well + failed > 0 ? well / (well + failed) : null
}
