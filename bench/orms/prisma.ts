import { PrismaPg } from "@prisma/adapter-pg";
import { prismaClient } from "../../test/support/prisma-client.js";
import type { Orm } from "./orm.js";

const MODELS = `
model Author {
  id       Int    @id @default(autoincrement())
  tenantId String @default(dbgenerated()) @map("tenant_id") @db.Uuid
  name     String
  books    Book[]

  @@map("authors")
}

model Book {
  id       Int    @id @default(autoincrement())
  tenantId String @default(dbgenerated()) @map("tenant_id") @db.Uuid
  title    String
  authorId Int    @map("author_id")
  author   Author @relation(fields: [authorId], references: [id])

  @@map("books")
}

model Tag {
  id       Int    @id @default(autoincrement())
  tenantId String @default(dbgenerated()) @map("tenant_id") @db.Uuid
  label    String

  @@map("tags")
}
`;

interface Author {
  readonly name: string;
  readonly books: readonly { readonly title: string }[];
}

export const orm: Orm = {
  name: "Prisma",
  open: async ({ pool, adapter }) => {
    const guard = await adapter("prisma", "guardPrisma");
    const { PrismaClient } = await prismaClient(MODELS);
    const prisma = guard(new PrismaClient({ adapter: new PrismaPg(pool) }));
    const of = (tenant: string | undefined) => (tenant === undefined ? {} : { tenantId: tenant });
    return {
      author: async (id, tenant) => {
        const author: Author | null = await prisma.author.findUnique({
          select: { id: true, name: true },
          where: { id, ...of(tenant) },
        });
        return author?.name;
      },
      shelf: async (id, tenant) => {
        const author: Author | null = await prisma.author.findUnique({
          select: {
            id: true,
            name: true,
            books: { select: { id: true, title: true }, where: of(tenant) },
          },
          where: { id, ...of(tenant) },
        });
        return author === null
          ? undefined
          : { name: author.name, titles: author.books.map(({ title }) => title) };
      },
      addTag: (label, tenant) => prisma.tag.create({ data: { label, ...of(tenant) } }),
    };
  },
};
