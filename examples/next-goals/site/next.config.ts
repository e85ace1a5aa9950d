import type { NextConfig } from "next";

export default {
  cacheComponents: true,
  partialPrefetching: true,
  // One instance of each in the process: a bundle would have its own.
  serverExternalPackages: ["partywall", "pg"],
  // main.ts builds in a temporary folder whose packages are links; the repository's own compiler has checked the types.
  turbopack: { root: "/" },
  typescript: { ignoreBuildErrors: true },
  experimental: { useTypeScriptCli: true },
} satisfies NextConfig;
