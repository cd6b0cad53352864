import { createHmac, timingSafeEqual } from "node:crypto";

// headers: names in lower case, as Node gives them; body: a Buffer as it came, not parsed.
export function verify(secret, headers, body) {
  const key = secret.startsWith("whsec_")
    ? Buffer.from(secret.slice("whsec_".length), "base64")
    : Buffer.from(secret);
  const stamp = headers["webhook-timestamp"];
  if (!(Math.abs(Date.now() / 1000 - Number(stamp)) <= 300)) return false; // too old
  const expected = createHmac("sha256", key)
    .update(`${headers["webhook-id"]}.${stamp}.`)
    .update(body)
    .digest();
  return (headers["webhook-signature"] ?? "").split(" ").some((part) => {
    if (!part.startsWith("v1,")) return false;
    const given = Buffer.from(part.slice("v1,".length), "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
