import { expect, it } from 'vitest'
import { projectFolder, projectName } from './paths'

it.each([
  ['/home/mira/work/atlas-api', 'atlas-api', '~/work'],
  ['/Users/mira/infra', 'infra', '~'],
  ['/srv/app/', 'app', '/srv'],
  ['C:\\work\\atlas', 'atlas', 'C:\\work'],
  ['scratch', 'scratch', ''],
])('%s is %s in %s', (path, name, folder) => {
  expect(projectName(path)).toBe(name)
  expect(projectFolder(path)).toBe(folder)
})
