import type { enRequests } from './en.requests'

export const zhRequests: Record<keyof typeof enRequests, string> = {
  'page.requests': '请求',
}
