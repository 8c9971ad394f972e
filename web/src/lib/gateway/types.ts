import type { components } from '$lib/api/schema'

/** The words of the gateway's routes. Times are RFC 3339. */

type Schemas = components['schemas']

export type Mode = 'api' | 'web' | 'both'
export type TokenInfo = Schemas['TokenInfo']
/** The same with the secret, which is answered once. */
export type IssuedToken = Schemas['IssuedToken']
/** What may be changed of a key; null takes a limit away. */
export type TokenSettings = Schemas['TokenSettings']
export type TokenWish = Partial<Schemas['NewToken']>

export type AccountType = 'api-key' | 'oauth' | 'session-key'
export type AccountInfo = Schemas['AccountInfo']
export type AccountState = Schemas['AccountState']
export type AccountStatus = AccountState['status']
/** A limit the upstream told of: how much of a window is used up. */
export type LimitWindow = AccountState['windows'][number]
export type AccountSettings = Schemas['AccountSettings']
/** A new account by its kind of secret. */
export type AccountWish = Partial<
  Schemas['NewKeyAccount'] & Schemas['NewBearerAccount'] & Schemas['NewSessionAccount']
>

/** One call as the request log gives it. */
export type RequestLog = Schemas['RequestLog']
export type CallDetail = Schemas['RequestDetail']
export type CostLine = Schemas['CostLine']
export type RequestPage = Schemas['RequestLogs']
export type RequestStats = Schemas['RecentRequests']
export type Me = Schemas['Me']

/** Which calls are meant, in the words of the request log's parameters. */
export interface LogQuery {
  token_id?: string
  account_id?: string
  user_name?: string
  mode?: string
  model?: string
  success?: string
  status?: string
  session?: string
  project?: string
  source?: string
  endpoint?: string
  from_date?: string
  to_date?: string
  timezone?: string
  sort?: string
}

export interface Paging {
  page?: number
  limit?: number
  after?: string
  before?: string
}
