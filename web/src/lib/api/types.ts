import type { components } from './schema'

type Schemas = components['schemas']

export type Totals = Schemas['Totals']
export type CurrentStats = Schemas['CurrentStats']
export type Overview = Schemas['Overview']
export type ImportState = Schemas['Import']
export type ImportRoot = Schemas['ImportRoot']
export type SeriesPoint = Schemas['SeriesPoint']
export type RunningSession = Schemas['RunningSession']
export type Mover = Schemas['Mover']
export type UnpricedModel = Schemas['UnpricedModel']
export type Billing = Overview['billing']
