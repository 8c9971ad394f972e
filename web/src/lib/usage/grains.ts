import { daysIn, type Span } from '$lib/range/period'

export const GRAINS = ['hour', 'day', 'week', 'month'] as const
export type Grain = (typeof GRAINS)[number]

/** From how many days on, and up to how many, a grain gives a chart that can be read. */
const SENSIBLE: Record<Grain, [least: number, most: number]> = {
  hour: [0, 31],
  day: [2, 800],
  week: [14, Infinity],
  month: [60, Infinity],
}

export function grainsFor(span: Span): Grain[] {
  const days = daysIn(span)
  return GRAINS.filter((grain) => SENSIBLE[grain][0] <= days && days <= SENSIBLE[grain][1])
}

/** What is asked for where it makes sense, else what shows the span in some dozens of bars. */
export function chooseGrain(span: Span, asked: string | null): Grain {
  const usable = grainsFor(span)
  return usable.find((grain) => grain === asked) ?? usualGrain(daysIn(span))
}

function usualGrain(days: number): Grain {
  if (days <= 3) return 'hour'
  if (days <= 120) return 'day'
  return days <= 500 ? 'week' : 'month'
}
