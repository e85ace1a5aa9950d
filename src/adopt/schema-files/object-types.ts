import type { ModuleFile, ModuleFiles } from "./module-files.js";
import { placeOf, type Place, type TypeMember, type TypeNode } from "./syntax.js";
import { nodesOf } from "./tree.js";

/** An interface, or an object type that has a name. */
export interface ObjectType {
  readonly file: ModuleFile;
  readonly name: string;
  readonly members: readonly TypeMember[];
  /** From the opening brace to the closing one. */
  readonly body: Place;
  /** What an interface extends. */
  readonly bases: readonly TypeNode[];
}

/** The object types that files declare, by what they are called. */
export class ObjectTypes {
  readonly all: readonly ObjectType[];

  constructor({ files }: ModuleFiles) {
    this.all = files.flatMap((file) => [...declaredIn(file)]);
  }

  /** The type that a name means in a file: the file's own, or else the only one of that name. */
  find(name: string, file: ModuleFile): ObjectType | undefined {
    const named = this.all.filter((one) => one.name === name);
    const own = named.filter((one) => one.file === file);
    if (own.length > 0) return own.length === 1 ? own[0] : undefined;
    return named.length === 1 ? named[0] : undefined;
  }

  /** The object type that another refers to, or that is written in its place. */
  resolve(node: TypeNode, file: ModuleFile, name: string): ObjectType | undefined {
    if (node.type === "TSTypeLiteral") {
      return { file, name, members: node.members, body: placeOf(node), bases: [] };
    }
    const reference = referenceTo(node);
    return reference === undefined ? undefined : this.find(reference, file);
  }
}

function* declaredIn(file: ModuleFile): Generator<ObjectType> {
  for (const node of nodesOf(file.program)) {
    if (node.type === "TSInterfaceDeclaration") {
      yield {
        file,
        name: node.id.name,
        members: node.body.body,
        body: placeOf(node.body),
        bases: node.extends ?? [],
      };
    } else if (node.type === "TSTypeAliasDeclaration") {
      const { typeAnnotation: type } = node;
      if (type.type !== "TSTypeLiteral") continue;
      yield { file, name: node.id.name, members: type.members, body: placeOf(type), bases: [] };
    }
  }
}

/** The name that a type refers to, where it is a name alone, without arguments. */
export function referenceTo(node: TypeNode): string | undefined {
  if (node.type !== "TSTypeReference" || node.typeName.type !== "Identifier") return undefined;
  return typeArguments(node).length === 0 ? node.typeName.name : undefined;
}

/** The arguments of a type: `A` and `B` of `Model<A, B>`. */
export function typeArguments(node: unknown): readonly TypeNode[] {
  const given = node as
    | { params?: readonly TypeNode[]; typeParameters?: { params: readonly TypeNode[] } | null }
    | null
    | undefined;
  return given?.params ?? given?.typeParameters?.params ?? [];
}

/** The type of a member that is a property. */
export function typeOf(member: TypeMember): TypeNode | undefined {
  if (member.type !== "TSPropertySignature") return undefined;
  const { typeAnnotation } = member;
  return typeAnnotation?.type === "TSTypeAnnotation" ? typeAnnotation.typeAnnotation : undefined;
}
