import Cable from '@lucide/svelte/icons/cable'
import ChartColumn from '@lucide/svelte/icons/chart-column'
import Gauge from '@lucide/svelte/icons/gauge'
import KeyRound from '@lucide/svelte/icons/key-round'
import ListTree from '@lucide/svelte/icons/list-tree'
import SettingsIcon from '@lucide/svelte/icons/settings'
import type { Component } from 'svelte'
import type { MessageKey } from '$lib/i18n/messages'
import RequestsControls from '$lib/requests/RequestsControls.svelte'
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
  /** The first of a group: a little apart from the one before. */
  apart?: boolean
  /** Whether the page is reached by address alone. */
  unlisted?: boolean
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
    path: 'requests',
    label: 'page.requests',
    icon: ListTree,
    controls: RequestsControls,
    load: () => import('./requests/Requests.svelte'),
  },
  {
    path: 'keys',
    label: 'page.keys',
    icon: KeyRound,
    apart: true,
    load: () => import('./keys/Keys.svelte'),
  },
  {
    path: 'accounts',
    label: 'page.accounts',
    icon: Cable,
    load: () => import('./accounts/Accounts.svelte'),
  },
  {
    path: 'settings',
    label: 'page.settings',
    apart: true,
    icon: SettingsIcon,
    load: () => import('./settings/Settings.svelte'),
  },
  {
    path: 'signin',
    label: 'page.signin',
    icon: KeyRound,
    unlisted: true,
    load: () => import('./signin/SignIn.svelte'),
  },
]
