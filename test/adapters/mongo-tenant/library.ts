// An application as it is written for mongo-tenant 1.8 and its documented features, where only this import is another:
// import mongoTenant from "mongo-tenant";
import mongoTenant from "partywall/adapters/mongo-tenant";
// oxlint-disable typescript/no-explicit-any -- the plugin it was written for has no types

/** Defines the models; `mongoose` is the instance that the application uses. */
export function defineLibrary(mongoose: any) {
  const { Schema } = mongoose;
  const { ObjectId } = Schema.Types;

  const authorSchema = new Schema({ name: String, email: { type: String, unique: true } });
  authorSchema.plugin(mongoTenant);

  const bookSchema = new Schema(
    {
      title: { type: String, required: true },
      isbn: { type: String, unique: true },
      shelf: String,
      place: Number,
      copies: { type: Number, default: 1 },
      author: { type: ObjectId, ref: "author" },
    },
    { discriminatorKey: "kind" },
  );
  bookSchema.index({ shelf: 1, place: 1 }, { unique: true });
  bookSchema.plugin(mongoTenant);
  bookSchema.statics.findByTitle = function findByTitle(this: any, title: string) {
    return this.findOne({ title });
  };
  bookSchema.methods.byAuthor = function byAuthor(this: any) {
    return this.model("author").findById(this.author);
  };
  // Only what is bound has a tenant to note.
  bookSchema.virtual("owner").get(function owner(this: any) {
    return this.hasTenantContext ? this.getTenantId() : undefined;
  });

  const loanSchema = new Schema({ reader: String, book: { type: ObjectId, ref: "book" } });
  loanSchema.plugin(mongoTenant, { requireTenantId: false });
  loanSchema.pre("save", async function shelved(this: any) {
    if (this.hasTenantContext) {
      const Book = this.constructor.db.model("book");
      if ((await Book.findById(this.book)) === null) throw new Error("there is no such book");
    }
  });

  mongoose.model("author", authorSchema);
  const Book = mongoose.model("book", bookSchema);
  Book.discriminator("audio", new Schema({ minutes: Number }));
  mongoose.model("loan", loanSchema);
}

/** What the application does for one tenant, as a request would have it done. */
export function libraryOf(mongoose: any, tenantId: string) {
  const Author = mongoose.model("author").byTenant(tenantId);
  const Book = mongoose.model("book").byTenant(tenantId);
  const Loan = mongoose.model("loan").byTenant(tenantId);
  return {
    Author,
    Book,
    Loan,
    async open() {
      const author = await Author.create({ name: "Ada", email: "ada@example.com" });
      const first = await Book.create({
        title: "Walls",
        isbn: "1",
        shelf: "A",
        place: 1,
        author: author._id,
      });
      await new Book({ title: "Gates", isbn: "2", shelf: "A", place: 2, author }).save();
      await Loan.create({ reader: "Eve", book: first._id });
      return first;
    },
    titles: async (): Promise<string[]> =>
      (await Book.find().sort({ title: 1 })).map(({ title }: { title: string }) => title),
    async authorOf(title: string): Promise<string> {
      const book = await Book.findOne({ title }).populate("author");
      return book.author.name;
    },
    async rename(title: string, to: string) {
      const book = await Book.findByTitle(title);
      book.title = to;
      await book.save();
      return book;
    },
    buy: (shelf: string) => Book.updateMany({ shelf }, { $inc: { copies: 1 } }),
    perShelf: () => Book.aggregate([{ $group: { _id: "$shelf", n: { $sum: 1 } } }]),
    lent: () => Loan.countDocuments(),
  };
}
