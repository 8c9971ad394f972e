import { ApiError } from '$lib/api/transport'
import { t } from '$lib/i18n/i18n.svelte'

/** Something asked of the server by a press of a button: whether it runs, and what went wrong. */
export class Action {
  busy = $state(false)
  failure = $state('')

  /** Runs it unless it runs already; true when it went well. */
  async run(what: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false
    this.busy = true
    this.failure = ''
    try {
      await what()
      return true
    } catch (error) {
      this.failure = error instanceof ApiError ? error.message : t('state.unreachable')
      return false
    } finally {
      this.busy = false
    }
  }
}
