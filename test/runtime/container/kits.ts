// oxlint-disable-next-line import/no-unassigned-import -- tsyringe asks for it
import "reflect-metadata";
import * as awilixLibrary from "awilix";
import { Container, inject as inversifyInject, injectable as inversifyInjectable } from "inversify";
import { awilix, inversify, tsyringe, type ContainerPort } from "partywall/runtime/container";
import {
  container as tsyringeContainer,
  inject as tsyringeInject,
  injectable as tsyringeInjectable,
  Lifecycle,
} from "tsyringe";

// oxlint-disable-next-line typescript/no-explicit-any -- a class of a test, built by a container
export type Class = new (...args: any[]) => any;

/** A container as the suite drives it. */
export interface Kit {
  readonly name: string;
  /** A root container of its own. */
  make(): {
    readonly port: ContainerPort<unknown>;
    /** Says what the constructor takes; for Awilix the names of its parameters do. */
    takes(type: Class, tokens: readonly string[]): Class;
    /** Binds a singleton at the root. */
    singleton(token: string, type: Class): void;
    /** What the root gives. */
    get(token: string): unknown;
    /** What the library's own child gives, past `get` of Partywall. */
    getIn(child: unknown, token: string): unknown;
  };
}

export const KITS: readonly Kit[] = [
  {
    name: "Awilix",
    make() {
      const root = awilixLibrary.createContainer({ strict: true, injectionMode: "CLASSIC" });
      return {
        port: awilix(awilixLibrary, root),
        takes: (type) => type,
        singleton: (token, type) =>
          void root.register(token, awilixLibrary.asClass(type).singleton()),
        get: (token) => root.resolve(token),
        getIn: (child, token) => (child as typeof root).resolve(token),
      };
    },
  },
  {
    name: "Inversify",
    make() {
      const root = new Container();
      return {
        port: inversify(Container, root),
        takes(type, tokens) {
          inversifyInjectable()(type);
          for (const [at, token] of tokens.entries()) inversifyInject(token)(type, undefined, at);
          return type;
        },
        singleton: (token, type) => void root.bind(token).to(type).inSingletonScope(),
        get: (token) => root.get(token),
        getIn: (child, token) => (child as Container).get(token),
      };
    },
  },
  {
    name: "tsyringe",
    make() {
      const root = tsyringeContainer.createChildContainer();
      return {
        port: tsyringe(root),
        takes(type, tokens) {
          for (const [at, token] of tokens.entries()) tsyringeInject(token)(type, undefined, at);
          tsyringeInjectable()(type);
          return type;
        },
        singleton: (token, type) =>
          void root.register(token, { useClass: type }, { lifecycle: Lifecycle.Singleton }),
        get: (token) => root.resolve(token),
        getIn: (child, token) => (child as typeof root).resolve(token),
      };
    },
  },
];
