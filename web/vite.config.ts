import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// In development the page comes from Vite and everything else from a running `sentinode serve`.
const server = "http://127.0.0.1:8000";
const api = ["/predict", "/explain", "/model", "/slides", "/scans", "/reviews", "/session", "/health"];

export default defineConfig({
  plugins: [react()],
  // The server may stand below a path of its own.
  base: "./",
  build: {
    outDir: "../src/sentinode/serving/page",
    emptyOutDir: true,
    // The content security policy allows no data: fonts or styles; images as files cache better, too.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    chunkSizeWarningLimit: 1200,
  },
  server: { proxy: Object.fromEntries(api.map((path) => [path, server])) },
});
