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

/**
 * The bytes that seal a transaction for one tenant: Parse, Bind and Execute of `partywall.enter`, the secret as a
 * binary parameter. Unnamed, because tenant SQL can replace a named statement and would be handed the secret.
 *
 * Source: PostgreSQL manual, chapter 54.7 "Message Formats".
 */
export function sealBytes(secret: Buffer): Buffer {
  return Buffer.concat([
    message("P", Buffer.concat([text(""), text(ENTER), int16(1), int32(BYTEA)])),
    message(
      "B",
      Buffer.concat([
        text(""),
        text(""),
        int16(1),
        int16(1),
        int16(1),
        int32(secret.length),
        secret,
        int16(0),
      ]),
    ),
    message("E", Buffer.concat([text(""), int32(0)])),
  ]);
}
