import { AsyncResource } from "node:async_hooks";
import { Observable } from "rxjs";

/** How an observable is kept in scope. */
interface Keeping {
  /** Called when it has completed, failed or was unsubscribed from. */
  readonly ended?: () => void;
  /** Subscribes and unsubscribes elsewhere than in the scope. */
  readonly connect?: <T>(fn: () => T) => T;
}

/** An observable that is subscribed to, heard and unsubscribed from in the scope current here. */
export function inScope<T>(source: Observable<T>, { ended, connect }: Keeping = {}): Observable<T> {
  const scope = new AsyncResource("PARTYWALL_OBSERVABLE");
  const run = <R>(fn: () => R): R => scope.runInAsyncScope(fn);
  const around = connect ?? run;
  return new Observable((subscriber) => {
    const subscription = around(() =>
      source.subscribe({
        next: (value) => run(() => subscriber.next(value)),
        error: (error: unknown) => run(() => subscriber.error(error)),
        complete: () => run(() => subscriber.complete()),
      }),
    );
    return () => {
      around(() => subscription.unsubscribe());
      ended?.();
    };
  });
}
