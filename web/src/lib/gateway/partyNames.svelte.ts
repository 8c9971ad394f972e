import { SvelteMap } from 'svelte/reactivity'
import type { AccountInfo, RequestLog, TokenInfo } from './types'

type Party = 'access_token' | 'account'

/** What keys and accounts are called, learned from every answer that says so: sums know only their ids. */
class PartyNames {
  readonly #names = new SvelteMap<string, string>()

  of(party: Party, id: string): string | undefined {
    return this.#names.get(`${party} ${id}`)
  }

  learn(party: Party, id: string | null, name: string | null): void {
    const key = `${party} ${id ?? ''}`
    if (id && name && this.#names.get(key) !== name) this.#names.set(key, name)
  }

  learnKeys(keys: readonly TokenInfo[]): void {
    for (const { id, name } of keys) this.learn('access_token', id, name)
  }

  learnAccounts(accounts: readonly AccountInfo[]): void {
    for (const { id, name } of accounts) this.learn('account', id, name)
  }

  learnCalls(calls: readonly RequestLog[]): void {
    for (const call of calls) {
      this.learn('access_token', call.token_id, call.token_name)
      this.learn('account', call.account_id, call.account_name)
    }
  }
}

export const partyNames = new PartyNames()
