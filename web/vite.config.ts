import { fileURLToPath } from 'node:url'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { svelteTesting } from '@testing-library/svelte/vite'
import tailwindcss from '@tailwindcss/vite'
import { defineConfig } from 'vitest/config'
import { precompress } from './vite/precompress.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const SERVER = 'http://127.0.0.1:51888'

export default defineConfig({
  base: './',
  plugins: [svelte(), tailwindcss(), precompress(), svelteTesting()],
  resolve: { alias: { $lib: here('./src/lib'), $ui: here('./src/ui') } },
  build: {
    outDir: here('../src/ccledger/_web'),
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
  },
  server: {
    host: '127.0.0.1',
    port: 51173,
    strictPort: true,
    // The server refuses foreign hosts and origins, so the proxy speaks as the server's own page.
    proxy: {
      '/api': SERVER,
      '/ws': { target: SERVER, ws: true, changeOrigin: true, rewriteWsOrigin: true },
    },
  },
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts', 'vite/**/*.test.ts'] },
})
