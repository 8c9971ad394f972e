/** The lines that point a client at this gateway, ready to be pasted into a shell. */
export function claudeLines(base: string, key: string): string {
  return `export ANTHROPIC_BASE_URL=${base}\nexport ANTHROPIC_AUTH_TOKEN=${key}`
}

export function openaiLines(base: string, key: string): string {
  return `export OPENAI_BASE_URL=${base}/v1\nexport OPENAI_API_KEY=${key}`
}
