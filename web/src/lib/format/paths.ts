/** The last folder of a path: what people call the project. */
export function projectName(path: string): string {
  return path.split(/[/\\]/).filter(Boolean).at(-1) ?? path
}

/** The folder above it, home shortened: tells projects of the same name apart. */
export function projectFolder(path: string): string {
  const parent = path.replace(/[/\\][^/\\]+[/\\]?$/, '')
  return parent === path ? '' : parent.replace(/^\/(?:home|Users)\/[^/]+/, '~')
}
