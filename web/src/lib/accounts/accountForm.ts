import type { AccountInfo, AccountSettings, AccountType, AccountWish } from '$lib/gateway/types'
import { limit } from '$lib/access/keyForm'

export const ACCOUNT_TYPES: readonly AccountType[] = ['api-key', 'oauth', 'session-key']
export const BILLINGS = ['api', 'subscription'] as const

/** An account as it is typed; secrets are typed once and never shown again. */
export interface AccountForm {
  name: string
  secret: string
  refresh: string
  organization: string
  baseUrl: string
  proxyUrl: string
  billing: 'api' | 'subscription'
  weight: string
  priority: string
  concurrency: string
}

export type AccountField = keyof AccountForm

export const EMPTY_ACCOUNT: AccountForm = {
  name: '',
  secret: '',
  refresh: '',
  organization: '',
  baseUrl: '',
  proxyUrl: '',
  billing: 'api',
  weight: '1',
  priority: '0',
  concurrency: '',
}

export function formOf(account: AccountInfo): AccountForm {
  return {
    ...EMPTY_ACCOUNT,
    name: account.name,
    baseUrl: account.base_url,
    proxyUrl: account.proxy_url,
    billing: account.billing === 'api' ? 'api' : 'subscription',
    weight: String(account.weight),
    priority: String(account.priority),
    concurrency: account.concurrency === null ? '' : String(account.concurrency),
  }
}

/** The fields whose text means nothing. */
export function mistakes(form: AccountForm, isNew: boolean): AccountField[] {
  const wrong: AccountField[] = []
  if (!form.name.trim()) wrong.push('name')
  if (isNew && !form.secret.trim()) wrong.push('secret')
  if (!isAddress(form.baseUrl)) wrong.push('baseUrl')
  if (!isAddress(form.proxyUrl)) wrong.push('proxyUrl')
  if (!limit(form.weight)) wrong.push('weight')
  if (!/^\d+$/.test(form.priority.trim())) wrong.push('priority')
  if (limit(form.concurrency) === undefined) wrong.push('concurrency')
  return wrong
}

export function settingsOf(form: AccountForm): AccountSettings {
  return {
    name: form.name.trim(),
    ...(form.baseUrl.trim() ? { base_url: form.baseUrl.trim() } : {}),
    proxy_url: form.proxyUrl.trim(),
    billing: form.billing,
    weight: limit(form.weight) ?? 1,
    priority: Number(form.priority),
    concurrency: limit(form.concurrency) ?? null,
  }
}

const SECRETS = {
  'api-key': 'api_key',
  oauth: 'access_token',
  'session-key': 'session_key',
} as const

/** The credential that was typed, under the name the routes know it by; nothing when there is none. */
export function secretOf(type: AccountType, form: AccountForm): AccountSettings {
  const secret = form.secret.trim()
  if (!secret) return {}
  const refresh = type === 'oauth' && form.refresh.trim()
  return { [SECRETS[type]]: secret, ...(refresh ? { refresh_token: refresh } : {}) }
}

/** Whether the credential would go to another host than before; the server takes it anew then. */
export function isMoved(before: AccountForm, form: AccountForm): boolean {
  const fields = ['baseUrl', 'proxyUrl'] as const
  return fields.some((field) => form[field].trim() && origin(form[field]) !== origin(before[field]))
}

function origin(text: string): string {
  try {
    return new URL(text.trim()).origin
  } catch {
    return text.trim()
  }
}

/** What is sent to add an account of a type: its secret under the name the route knows it by. */
export function wishOf(type: AccountType, form: AccountForm): AccountWish {
  const organization = type === 'session-key' && form.organization.trim()
  return {
    ...settingsOf(form),
    ...secretOf(type, form),
    ...(organization ? { organization_id: organization } : {}),
  } as AccountWish
}

/** Empty, or an address of the web. */
function isAddress(text: string): boolean {
  return !text.trim() || /^https?:\/\/[^\s/]+/.test(text.trim())
}
