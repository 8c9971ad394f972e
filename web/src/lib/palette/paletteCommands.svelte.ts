import type { Grouped } from '$lib/api/types'
import { projectFolder, projectName } from '$lib/format/paths'
import { chooseLocale, locale, t } from '$lib/i18n/i18n.svelte'
import { PRESETS } from '$lib/range/period'
import { router } from '$lib/router/router.svelte'
import { theme, THEMES } from '$lib/theme/theme.svelte'
import type { Field } from '$lib/usage/filters'
import { view } from '$lib/usage/view.svelte'
import type { Command } from './commands'

const PLACES = [
  ['', 'page.overview'],
  ['usage', 'page.usage'],
  ['requests', 'page.requests'],
  ['keys', 'page.keys'],
  ['accounts', 'page.accounts'],
  ['settings', 'page.settings'],
] as const

/** Everything the palette offers: pages, ranges, what one can filter by, and how it all looks. */
export function commands(models: readonly string[], projects: Grouped | undefined): Command[] {
  return [
    ...pages(),
    ...PRESETS.map((preset): Command => ({
      id: `range ${preset}`,
      group: 'palette.range',
      text: t(`period.${preset}`),
      run: onUsage(() => {
        view.choosePeriod(preset)
      }),
    })),
    ...models.map((model) => filter('model', model, model)),
    ...(projects?.rows ?? []).flatMap(({ project }) =>
      project ? [filter('project', project, projectName(project), projectFolder(project))] : [],
    ),
    ...actions(),
  ]
}

function pages(): Command[] {
  return PLACES.map(([path, label]) => ({
    id: `go ${path}`,
    group: 'palette.go',
    text: t(label),
    run: () => {
      router.go(path)
    },
  }))
}

function filter(field: Field, value: string, text: string, note = ''): Command {
  return {
    id: `${field} ${value}`,
    group: field === 'model' ? 'fields.model' : 'fields.project',
    text,
    note,
    run: onUsage(() => {
      view.toggle({ field, value, exclude: false })
    }),
  }
}

function actions(): Command[] {
  const other = locale() === 'en' ? ('zh-CN' as const) : ('en' as const)
  return [
    {
      id: 'compare',
      group: 'palette.actions',
      text: t('usage.compare.title'),
      run: onUsage(() => {
        view.toggleCompare()
      }),
    },
    {
      id: 'copy',
      group: 'palette.actions',
      text: t('palette.copy'),
      run: () => void navigator.clipboard?.writeText(location.href),
    },
    ...THEMES.map((choice): Command => ({
      id: `theme ${choice}`,
      group: 'palette.actions',
      text: t('app.theme', { theme: t(`app.theme.${choice}`) }),
      run: () => {
        theme.choose(choice)
      },
    })),
    {
      id: 'language',
      group: 'palette.actions',
      text: `${t('app.language')}: ${other === 'en' ? 'English' : '中文'}`,
      run: () => void chooseLocale(other),
    },
  ]
}

function onUsage(run: () => void): () => void {
  return () => {
    router.go('usage')
    run()
  }
}
