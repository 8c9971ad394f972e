import type { en } from './en'

export type MessageKey = keyof typeof en
export type Messages = Record<MessageKey, string>

/** The stem of a pair `x.one` and `x.other`. */
export type CountKey = {
  [K in MessageKey]: K extends `${infer Stem}.one` ? Stem : never
}[MessageKey]

export type Values = Record<string, string | number>

/** "{n} calls" with its values put in; an unknown name stays visible rather than vanishing. */
export function fill(template: string, values: Values = {}): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}
