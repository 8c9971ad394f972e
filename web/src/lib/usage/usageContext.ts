import { useQueryClient } from '@tanstack/svelte-query'
import { createContext, onMount } from 'svelte'
import { useLedger } from '$lib/stats/ledgerContext'
import { UsageController } from './usageController.svelte'

const [getUsage, setUsage] = createContext<UsageController>()

export const useUsage = getUsage

/** Gives the panels of the page what they ask; call it once, while the page is set up. */
export function provideUsage(): UsageController {
  const usage = setUsage(new UsageController(useQueryClient(), useLedger().api))
  onMount(() => usage.stop)
  return usage
}
