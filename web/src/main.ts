import { mount } from 'svelte'
import './app.css'
import { useLocale } from '$lib/i18n/i18n.svelte'
import Root from './Root.svelte'

const target = document.getElementById('app')
if (!target) throw new Error('index.html has no #app')

await useLocale()
mount(Root, { target })
