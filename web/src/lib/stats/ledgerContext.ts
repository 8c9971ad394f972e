import { useQueryClient } from '@tanstack/svelte-query'
import { createContext, onMount } from 'svelte'
import { baseUrl, createApi, type Api } from '$lib/api/client'
import { LiveSocket, socketUrl } from '$lib/live/socket.svelte'
import { OverviewController } from './overviewController.svelte'

export interface Ledger {
  api: Api
  controller: OverviewController
  overview: OverviewController['overview']
  socket: LiveSocket
}

const [getLedger, setLedger] = createContext<Ledger>()

export const useLedger = getLedger

/** Ties the figures to the live connection; call it once, while the application is set up. */
export function provideLedger(): Ledger {
  const base = baseUrl()
  const api = createApi(base)
  const controller = new OverviewController(useQueryClient(), api)
  const socket = new LiveSocket(socketUrl(base), {
    onOpen: controller.refresh,
    onMessage: controller.receive,
  })
  onMount(() => {
    const disconnect = socket.start()
    return () => {
      disconnect()
      controller.stop()
    }
  })
  return setLedger({ api, controller, overview: controller.overview, socket })
}
