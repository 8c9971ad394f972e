import js from '@eslint/js'
import svelte from 'eslint-plugin-svelte'
import globals from 'globals'
import ts from 'typescript-eslint'
import svelteConfig from './svelte.config.js'

const tier = (files, group, message) => ({
  files,
  rules: { 'no-restricted-imports': ['error', { patterns: [{ group, message }] }] },
})

export default ts.config(
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'max-lines': ['error', { max: 250, skipBlankLines: true }],
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
  },
  {
    files: ['public/*.js'],
    languageOptions: { sourceType: 'script' },
  },
  {
    files: ['vite.config.ts', 'vite/**', '*.config.js'],
    languageOptions: { globals: { ...globals.node } },
  },
  {
    files: ['src/lib/api/schema.d.ts'],
    rules: { 'max-lines': 'off' },
  },
  tier(
    ['src/ui/**'],
    ['$lib/*', '**/lib/**', '**/routes/**'],
    'ui/ knows no domain: move this component to src/lib/<noun>/ or pass what it needs as props.',
  ),
  tier(
    ['src/lib/**'],
    ['**/routes/**'],
    'lib/ must not know pages: move the shared part from src/routes/ to src/lib/<noun>/.',
  ),
  { ignores: ['node_modules/'] },
)
