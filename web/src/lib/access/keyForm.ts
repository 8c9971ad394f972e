import type { Mode, TokenInfo, TokenSettings } from '$lib/gateway/types'

export const MODES: readonly Mode[] = ['api', 'web', 'both']

/** What the API takes as `expires_in`; "" stands for null, which is never. */
export const EXPIRIES = ['', '24h', '7d', '30d', '90d', '365d', 'custom'] as const
export type Expiry = (typeof EXPIRIES)[number]

/** A key's settings as they are typed. */
export interface KeyForm {
  name: string
  note: string
  mode: Mode
  models: string
  ips: string
  requests: string
  tokens: string
  concurrency: string
  recording: boolean
}

export type KeyField = keyof KeyForm | 'expiry'

const DURATION = /^(\d+(\.\d+)?(w|d|h|m|s))+$/
const ADDRESS = /^[0-9a-f.:]+(\/\d{1,3})?$/i
const SHORT = { k: 1e3, m: 1e6 } as const

export const EMPTY_KEY: KeyForm = {
  name: '',
  note: '',
  mode: 'api',
  models: '',
  ips: '',
  requests: '',
  tokens: '',
  concurrency: '',
  recording: false,
}

export function formOf(key: TokenInfo): KeyForm {
  const number = (limit: number | null) => (limit === null ? '' : String(limit))
  return {
    name: key.name,
    note: key.note,
    mode: MODES.find((mode) => mode === key.mode) ?? 'api',
    models: key.models.join('\n'),
    ips: key.ips.join('\n'),
    requests: number(key.requests_per_minute),
    tokens: number(key.tokens_per_minute),
    concurrency: number(key.concurrency),
    recording: key.enable_conversation_logging,
  }
}

/** The fields whose text means nothing. */
export function mistakes(form: KeyForm): KeyField[] {
  const wrong: KeyField[] = []
  if (!form.name.trim()) wrong.push('name')
  if (!list(form.ips).every((each) => ADDRESS.test(each))) wrong.push('ips')
  for (const field of ['requests', 'tokens', 'concurrency'] as const) {
    if (limit(form[field]) === undefined) wrong.push(field)
  }
  return wrong
}

export function settingsOf(form: KeyForm): TokenSettings {
  return {
    name: form.name.trim(),
    note: form.note.trim(),
    mode: form.mode,
    models: list(form.models),
    ips: list(form.ips),
    requests_per_minute: limit(form.requests) ?? null,
    tokens_per_minute: limit(form.tokens) ?? null,
    concurrency: limit(form.concurrency) ?? null,
    enable_conversation_logging: form.recording,
  }
}

/** Only what differs: somebody else may have changed the rest meanwhile. */
export function changes<T extends object>(before: T, after: T): Partial<T> {
  const differ = Object.entries(after).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name as keyof T]),
  )
  return Object.fromEntries(differ) as Partial<T>
}

/** "720h", "1h30m", "30d": what the API reads as a duration. */
export function isDuration(text: string): boolean {
  return DURATION.test(text.trim()) && /[1-9]/.test(text)
}

/** One a line or with commas between, each once. */
export function list(text: string): string[] {
  const items = text.split(/[\s,，]+/).filter(Boolean)
  return [...new Set(items)]
}

/** "" is no limit (null), "100k" is 100,000; undefined is what nobody can count to. */
export function limit(text: string): number | null | undefined {
  const typed = text
    .trim()
    .replaceAll(/[,\s_]/g, '')
    .toLowerCase()
  if (!typed) return null
  const [, digits = '', unit] = /^(\d+(?:\.\d+)?)([km])?$/.exec(typed) ?? []
  const number = Number(digits) * (unit ? SHORT[unit as 'k' | 'm'] : 1)
  return digits && Number.isSafeInteger(number) && number > 0 ? number : undefined
}
