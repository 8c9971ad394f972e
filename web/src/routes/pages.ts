import Gauge from '@lucide/svelte/icons/gauge'
import type { Component } from 'svelte'
import type { MessageKey } from '$lib/i18n/messages'
import Overview from './overview/Overview.svelte'

export interface Page {
  path: string
  label: MessageKey
  icon: typeof Gauge
  view: Component
}

/** Every page there is, in the order of the rail. */
export const PAGES: readonly Page[] = [
  { path: '', label: 'page.overview', icon: Gauge, view: Overview },
]
