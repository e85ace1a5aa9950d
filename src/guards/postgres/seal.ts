const ENTER = "select partywall.enter($1)";
const BYTEA = 17;

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const int16 = (value: number) => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const text = (value: string) => Buffer.from(`${value}\0`);

const parse = (name: string) =>
  message("P", Buffer.concat([text(name), text(ENTER), int16(1), int32(BYTEA)]));

/** What seals a transaction on one connection: the bytes to send for a secret. */
export type SealStatement = (secret: Buffer) => Buffer;

/**
 * Makes the bytes that seal a transaction: Bind and Execute of `partywall.enter`, the secret as a binary parameter,
 * after its Parse where `isParsed` is false.
 *
 * Source: PostgreSQL manual, chapter 54.7 "Message Formats".
 *
 * @param name of the prepared statement; empty for the unnamed one. Whoever knows it can replace the statement, and
 * would be handed the secret
 */
export function sealStatement(name: string, isParsed: boolean): SealStatement {
  const head = Buffer.concat([text(""), text(name), int16(1), int16(1), int16(1)]);
  let template = Buffer.alloc(0);
  let at = 0;
  let length = -1;
  const prepare = (secret: Buffer) => {
    const bind = message("B", Buffer.concat([head, int32(secret.length), secret, int16(0)]));
    const execute = message("E", Buffer.concat([text(""), int32(0)]));
    template = Buffer.concat([...(isParsed ? [] : [parse(name)]), bind, execute]);
    at = template.length - execute.length - 2 - secret.length;
    length = secret.length;
  };
  return (secret) => {
    if (secret.length !== length) prepare(secret);
    // A copy each time: the socket may still hold the one before.
    const bytes = Buffer.from(template);
    secret.copy(bytes, at);
    return bytes;
  };
}

/** The seal in the unnamed statement, which nobody can replace. */
export const sealUnnamed = sealStatement("", false);
