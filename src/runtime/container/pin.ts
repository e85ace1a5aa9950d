/**
 * A stand-in for `value` that asks `assertUsable` before every use: read, call, construction, change. Functions read from
 * it ask too when they are called; what a call gives back is handed on as it is. Primitives are returned as they are.
 */
export function pin<T>(value: T, assertUsable: () => void): T {
  const pins = new WeakMap<object, object>();
  const real = new WeakMap<object, object>();
  return wrap(value) as T;

  function wrap(target: unknown): unknown {
    if (!isObject(target)) return target;
    const known = pins.get(target);
    if (known !== undefined) return known;
    const proxy = new Proxy(shellOf(target), handlerOf(target));
    pins.set(target, proxy);
    real.set(proxy, target);
    return proxy;
  }

  function handlerOf(target: object): ProxyHandler<object> {
    // Whatever reads a part of it: functions stay pinned, data is only data.
    const part = (one: unknown) => (typeof one === "function" ? wrap(one) : one);
    // A call on the stand-in is a call on the real one, whose private fields a stand-in does not have.
    const unpinned = (one: unknown) => (isObject(one) ? (real.get(one) ?? one) : one);
    // A fluent method returns its object, which must not come out unpinned.
    const repinned = (one: unknown) => (isObject(one) ? (pins.get(one) ?? one) : one);
    return {
      get(_, key) {
        assertUsable();
        return part(Reflect.get(target, key, target));
      },
      set(_, key, written) {
        assertUsable();
        return Reflect.set(target, key, written, target);
      },
      apply(_, self, args) {
        assertUsable();
        return repinned(Reflect.apply(target as () => unknown, unpinned(self), args));
      },
      construct(_, args, newTarget) {
        assertUsable();
        return Reflect.construct(
          target as new () => object,
          args,
          unpinned(newTarget) as new () => object,
        );
      },
      has(_, key) {
        assertUsable();
        return Reflect.has(target, key);
      },
      ownKeys() {
        assertUsable();
        return Reflect.ownKeys(target);
      },
      getPrototypeOf: () => Reflect.getPrototypeOf(target),
      setPrototypeOf: () => false,
      preventExtensions: () => false,
      getOwnPropertyDescriptor(_, key) {
        assertUsable();
        const found = Reflect.getOwnPropertyDescriptor(target, key);
        if (found === undefined) return undefined;
        const { enumerable = false, writable = false } = found;
        const held = part(Reflect.get(target, key, target));
        return { value: held, enumerable, writable, configurable: true };
      },
      defineProperty(_, key, descriptor) {
        assertUsable();
        return Reflect.defineProperty(target, key, descriptor);
      },
      deleteProperty(_, key) {
        assertUsable();
        return Reflect.deleteProperty(target, key);
      },
    };
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "function" || (typeof value === "object" && value !== null);
}

/**
 * What the proxy stands on. The real object would bind it to hand out what is frozen there unpinned, and would show it to
 * `util.inspect`. A bound function can be called and constructed and has no `prototype` of its own.
 */
function shellOf(target: object): object {
  // oxlint-disable-next-line no-extra-bind -- it takes the `prototype` away
  return typeof target === "function" ? function shell() {}.bind(undefined) : {};
}
