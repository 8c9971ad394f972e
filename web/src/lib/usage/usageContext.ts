import { useQueryClient } from '@tanstack/svelte-query'
import { createContext, onMount } from 'svelte'
import { useLedger } from '$lib/stats/ledgerContext'
import { showCalls } from './history.svelte'
import { UsageController, type UsagePlace } from './usageController.svelte'

const [getUsage, setUsage] = createContext<UsageController>()

export const useUsage = getUsage

/** Gives the panels of the page what they ask; call it once, while the page is set up. */
export function provideUsage(place: UsagePlace = { also: () => [], showCalls }): UsageController {
  const usage = setUsage(new UsageController(useQueryClient(), useLedger().api, place))
  onMount(() => usage.stop)
  return usage
}
