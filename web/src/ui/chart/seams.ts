import type uPlot from 'uplot'

const THINNEST_BAR_PX = 6
const THINNEST_PART_PX = 3

/** A hairline of paper between the parts of a bar, where both parts are thick enough to spare it. */
export function drawSeams(plot: uPlot, color: string): void {
  const [times, ...sums] = plot.data
  const step = plot.bbox.width / Math.max(times.length, 1)
  if (step < THINNEST_BAR_PX * devicePixelRatio) return
  plot.ctx.fillStyle = color
  times.forEach((_, at) => {
    const left = Math.round(plot.valToPos(at, 'x', true))
    for (const y of seams(
      plot,
      sums.map((sum) => sum[at] ?? 0),
    )) {
      plot.ctx.fillRect(left, y, Math.floor(step), Math.round(devicePixelRatio))
    }
  })
}

/** Heights of the borders between neighbours, from the cumulative sums, largest first. */
function seams(plot: uPlot, sums: number[]): number[] {
  const edges = [...sums, 0].map((sum) => Math.round(plot.valToPos(sum, 'y', true)))
  const least = THINNEST_PART_PX * devicePixelRatio
  return edges.filter((edge, at) => {
    const above = edges[at - 1]
    const below = edges[at + 1]
    return (
      above !== undefined && below !== undefined && edge - above >= least && below - edge >= least
    )
  })
}
