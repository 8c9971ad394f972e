import { useQueryClient } from '@tanstack/svelte-query'
import { createContext, onMount } from 'svelte'
import { baseUrl, createApi } from '$lib/api/client'
import { LiveSocket, socketUrl } from '$lib/live/socket.svelte'
import { OverviewController } from './overviewController.svelte'

export interface Ledger {
  controller: OverviewController
  overview: OverviewController['overview']
  socket: LiveSocket
}

const [getLedger, setLedger] = createContext<Ledger>()

export const useLedger = getLedger

/** Ties the figures to the live connection; call it once, while the application is set up. */
export function provideLedger(): Ledger {
  const base = baseUrl()
  const controller = new OverviewController(useQueryClient(), createApi(base))
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
  return setLedger({ controller, overview: controller.overview, socket })
}
