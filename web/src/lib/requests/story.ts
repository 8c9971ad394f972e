import type { RequestLog } from '$lib/gateway/types'

export interface Stage {
  stage: 'waiting' | 'streaming' | 'whole'
  ms: number
  /** Of the call's whole time. */
  share: number
}

/** How a call spent its time: waiting for the first token, then streaming; one stage where nobody measured. */
export function stages(call: Pick<RequestLog, 'duration_ms' | 'ttft_ms'>): Stage[] {
  const { duration_ms: whole, ttft_ms: first } = call
  if (whole === null || whole < 0) return []
  if (first === null || first >= whole) return [{ stage: 'whole', ms: whole, share: 1 }]
  const share = first / whole
  return [
    { stage: 'waiting', ms: first, share },
    { stage: 'streaming', ms: whole - first, share: 1 - share },
  ]
}

/** Tokens a second while they streamed; null where that says nothing. */
export function pace(
  call: Pick<RequestLog, 'duration_ms' | 'ttft_ms' | 'output_tokens'>,
): number | null {
  const streaming = stages(call).find(({ stage }) => stage === 'streaming')
  if (!streaming || streaming.ms < 100 || call.output_tokens < 2) return null
  return call.output_tokens / (streaming.ms / 1000)
}
