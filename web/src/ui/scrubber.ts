/** The first and the last bar of a stretch. */
export type Brush = readonly [number, number]

export function brushed(from: number, to: number): Brush {
  return from <= to ? [from, to] : [to, from]
}

/**
 * What an arrow key makes of a stretch: it moves, with Shift its end does; without a stretch the last bar is chosen.
 * Null for other keys, and where there is nowhere to go.
 */
export function moved(brush: Brush | null, key: string, grow: boolean, bars: number): Brush | null {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[key]
  if (!by || bars === 0) return null
  if (!brush) return [bars - 1, bars - 1]
  const [first, last] = brush
  if (grow) {
    const end = last + by
    return end < first || end >= bars ? null : [first, end]
  }
  return first + by < 0 || last + by >= bars ? null : [first + by, last + by]
}
