import type { ExportFormat } from '$lib/api/client'
import { addressOf, baseUrl, get, send } from '$lib/api/transport'
import type {
  AccountInfo,
  AccountSettings,
  AccountType,
  AccountWish,
  CallDetail,
  IssuedToken,
  LogQuery,
  Me,
  Paging,
  RequestPage,
  RequestStats,
  TokenInfo,
  TokenSettings,
  TokenWish,
} from './types'

const ADD: Record<AccountType, string> = {
  'api-key': 'account/apikey',
  oauth: 'account/oauth',
  'session-key': 'account/sessionkey',
}

/** What an account can be told to do. */
export type AccountOrder = 'activate' | 'deactivate' | 'refresh' | 'check'

/** The routes of the gateway: keys, accounts, the request log, signing in. */
export function createGateway(base: string = baseUrl()) {
  return {
    keys: async (signal: AbortSignal) =>
      (await get<{ tokens: TokenInfo[] }>(base, 'token/list', {}, signal)).tokens,
    issueKey: (wish: TokenWish) => send<IssuedToken>(base, 'POST', 'token/generate', wish),
    changeKey: (id: string, settings: TokenSettings) =>
      send<TokenInfo>(base, 'PUT', `token/${encodeURIComponent(id)}/settings`, settings),
    revokeKey: (id: string) => send(base, 'POST', 'token/revoke', { id }),
    deleteKey: (id: string) => send(base, 'DELETE', `token/${encodeURIComponent(id)}`),

    accounts: (signal: AbortSignal) => get<AccountInfo[]>(base, 'account/list', {}, signal),
    addAccount: (type: AccountType, wish: AccountWish) =>
      send<AccountInfo>(base, 'POST', ADD[type], wish),
    changeAccount: (id: string, settings: AccountSettings) =>
      send(base, 'PUT', `account/${encodeURIComponent(id)}`, settings),
    orderAccount: (id: string, order: AccountOrder) =>
      send<{ status?: string; message?: string }>(
        base,
        'POST',
        `account/${encodeURIComponent(id)}/${order}`,
      ),
    deleteAccount: (id: string) => send(base, 'DELETE', `account/${encodeURIComponent(id)}`),

    requests: (query: LogQuery & Paging, signal: AbortSignal) =>
      get<RequestPage>(base, 'logs/requests', query, signal),
    request: (id: string, signal: AbortSignal) =>
      get<CallDetail>(base, `logs/requests/${encodeURIComponent(id)}`, {}, signal),
    requestsAddress: (format: ExportFormat, query: LogQuery) =>
      addressOf(base, 'logs/requests/export', { format, ...query }),
    requestStats: (timezone: string, signal: AbortSignal) =>
      get<RequestStats>(base, 'stats/requests', { timezone, source: 'gateway' }, signal),

    me: (signal: AbortSignal) => get<Me>(base, 'me', {}, signal),
    signIn: (proof: { password: string } | { code: string }) => send(base, 'POST', 'signin', proof),
    signOut: () => send(base, 'POST', 'signout'),
  }
}

export type Gateway = ReturnType<typeof createGateway>
