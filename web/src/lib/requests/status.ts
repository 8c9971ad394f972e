import type { RequestLog } from '$lib/gateway/types'
import { t } from '$lib/i18n/i18n.svelte'

const FAILERS = ['client', 'gateway', 'upstream'] as const

/** How a call ended, and who made it fail. */
export function statusText(
  call: Pick<RequestLog, 'status_code' | 'success' | 'failed_by'>,
): string {
  const code = call.status_code === null ? '' : String(call.status_code)
  if (call.success) return code || t('requests.ok')
  const failer = FAILERS.find((each) => each === call.failed_by)
  const who = failer ? t(`failer.${failer}`) : t('requests.failed')
  return code ? `${code} ${who}` : who
}

/** A client that went away is no fault of anybody's machine. */
export function statusTone({ success, failed_by: who }: RequestLog): 'ok' | 'warn' | 'bad' {
  if (success) return 'ok'
  return who === 'client' ? 'warn' : 'bad'
}
