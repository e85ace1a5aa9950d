// Expected to fail: proves that the type tests beside this folder are looked at. The folder's dot keeps it out of every
// other tsconfig.
import { createPartywall } from "partywall";

const pw = createPartywall();
const slug: number = pw.current().slug;
export { slug };
