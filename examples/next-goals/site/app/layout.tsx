import { Suspense, type ReactNode } from "react";
import { enterTenant, pw } from "../lib/tenancy";

export default function Layout({ children }: { readonly children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        {/* What is outside of Suspense is prerendered, once for everybody. */}
        <h1>Goals</h1>
        <Suspense fallback="…">
          <Name />
          {children}
        </Suspense>
      </body>
    </html>
  );
}

async function Name() {
  await enterTenant();
  return <h2>{pw.current().name}</h2>;
}
