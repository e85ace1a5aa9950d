const shownAlready = new WeakSet<Error>();

/** An error of the system with the application's paths in place of the machine's. */
export function asGiven(error: unknown, given: string, dest: string = given): unknown {
  if (!(error instanceof Error) || shownAlready.has(error)) return error;
  shownAlready.add(error);
  const shown = error as NodeJS.ErrnoException & { dest?: string };
  if (shown.path !== undefined) put("path", shown.path, given);
  if (shown.dest !== undefined) put("dest", shown.dest, dest);
  return error;

  function put(key: "path" | "dest", real: string, said: string): void {
    shown[key] = said;
    shown.message = shown.message.replace(`'${real}'`, () => `'${said}'`);
    if (shown.stack !== undefined)
      shown.stack = shown.stack.replace(`'${real}'`, () => `'${said}'`);
  }
}
