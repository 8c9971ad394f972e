/** The English words of the Requests page and of what the Overview says of requests. */
export const enRequests = {
  'page.requests': 'Requests',
}
