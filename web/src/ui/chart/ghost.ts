import type uPlot from 'uplot'

const DASH_PX = [4, 3]

/** A dashed line of steps, as wide as the bars: what there was before at the same place. */
export function drawGhost(plot: uPlot, values: number[], color: string): void {
  if (values.length === 0) return
  const { ctx, bbox } = plot
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  ctx.beginPath()
  values.forEach((value, at) => {
    const y = Math.round(plot.valToPos(value, 'y', true)) + 0.5
    ctx.lineTo(plot.valToPos(at, 'x', true), y)
    ctx.lineTo(plot.valToPos(at + 1, 'x', true), y)
  })
  ctx.setLineDash(DASH_PX.map((length) => length * devicePixelRatio))
  ctx.lineWidth = 1.25 * devicePixelRatio
  ctx.strokeStyle = color
  ctx.stroke()
  ctx.restore()
}
