import type { QueryClient } from '@tanstack/svelte-query'
import { Action } from '$lib/gateway/action.svelte'
import type { AccountOrder, Gateway } from '$lib/gateway/api'
import { t } from '$lib/i18n/i18n.svelte'

/** What accounts are told to do, one at a time, and what came of the last order. */
export class AccountOrders {
  readonly action = new Action()
  /** Whose order it is or was. */
  account = $state('')
  said = $state('')
  readonly #client: QueryClient
  readonly #gateway: Gateway

  constructor(client: QueryClient, gateway: Gateway) {
    this.#client = client
    this.#gateway = gateway
  }

  async give(id: string, order: AccountOrder): Promise<void> {
    this.account = id
    this.said = ''
    const done = await this.action.run(async () => {
      const answer = await this.#gateway.orderAccount(id, order)
      this.said = answer.message ?? t('form.done')
    })
    if (done) await this.refresh()
  }

  async delete(id: string): Promise<boolean> {
    this.account = id
    this.said = ''
    const done = await this.action.run(() => this.#gateway.deleteAccount(id))
    if (done) await this.refresh()
    return done
  }

  refresh(): Promise<void> {
    return this.#client.invalidateQueries({ queryKey: ['accounts'] })
  }
}
