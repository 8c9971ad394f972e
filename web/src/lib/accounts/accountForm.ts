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

/** What is sent to add an account of a type: its secret under the name the route knows it by. */
export function wishOf(type: AccountType, form: AccountForm): AccountWish {
  const secret = form.secret.trim()
  const optional = (name: 'refresh_token' | 'organization_id', value: string) =>
    value.trim() ? { [name]: value.trim() } : {}
  const settings = settingsOf(form)
  if (type === 'api-key') return { ...settings, api_key: secret }
  if (type === 'oauth')
    return { ...settings, access_token: secret, ...optional('refresh_token', form.refresh) }
  return { ...settings, session_key: secret, ...optional('organization_id', form.organization) }
}

/** Empty, or an address of the web. */
function isAddress(text: string): boolean {
  return !text.trim() || /^https?:\/\/[^\s/]+/.test(text.trim())
}
