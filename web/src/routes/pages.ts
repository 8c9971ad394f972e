import ChartColumn from '@lucide/svelte/icons/chart-column'
import Gauge from '@lucide/svelte/icons/gauge'
import SettingsIcon from '@lucide/svelte/icons/settings'
import type { Component } from 'svelte'
import type { MessageKey } from '$lib/i18n/messages'
import RangeSwitch from '$lib/range/RangeSwitch.svelte'
import UsageControls from '$lib/usage/UsageControls.svelte'
import Overview from './overview/Overview.svelte'

export interface Page {
  path: string
  label: MessageKey
  icon: typeof Gauge
  /** What of the top bar belongs to this page alone. */
  controls?: Component
  view?: Component
  /** How the page is fetched when somebody goes there; only the first one comes with the application. */
  load?: () => Promise<{ default: Component }>
}

/** Every page there is, in the order of the rail. */
export const PAGES: readonly Page[] = [
  {
    path: '',
    label: 'page.overview',
    icon: Gauge,
    controls: RangeSwitch,
    view: Overview,
  },
  {
    path: 'usage',
    label: 'page.usage',
    icon: ChartColumn,
    controls: UsageControls,
    load: () => import('./usage/Usage.svelte'),
  },
  {
    path: 'settings',
    label: 'page.settings',
    icon: SettingsIcon,
    load: () => import('./settings/Settings.svelte'),
  },
]
