import { createHmac, timingSafeEqual } from "node:crypto";

/** The key that every local emulator of the service uses; it protects nothing and is no secret. */
export const sharedAccessKey = { name: "RootManageSharedAccessKey", value: "SAS_KEY_VALUE" } as const;

/** The connection string with which the Azure SDKs reach a server on this port. */
export function connectionStringFor(host: string, port: number): string {
  return (
    `Endpoint=sb://${host}:${port};SharedAccessKeyName=${sharedAccessKey.name};` +
    `SharedAccessKey=${sharedAccessKey.value};UseDevelopmentEmulator=true;`
  );
}

/** Why a shared access signature is not good; undefined when it is. `now` is in milliseconds since 1970. */
export function signatureProblem(token: string, now: number): string | undefined {
  const prefix = "SharedAccessSignature ";
  if (!token.startsWith(prefix)) return "MalformedToken: The token is no shared access signature.";
  const fields = new Map(token.slice(prefix.length).split("&").map(splitField));
  const [resource, expiry] = [fields.get("sr"), fields.get("se")];
  const [signature, keyName] = [fields.get("sig"), fields.get("skn")];
  if (!resource || !expiry || !signature || !keyName) return "MalformedToken: The token lacks sr, se, sig or skn.";
  if (decodeURIComponent(keyName) !== sharedAccessKey.name) {
    return `InvalidSignature: There is no key named "${decodeURIComponent(keyName)}".`;
  }
  const expected = createHmac("sha256", sharedAccessKey.value).update(`${resource}\n${expiry}`).digest();
  const given = Buffer.from(decodeURIComponent(signature), "base64");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    return "InvalidSignature: The token has an invalid signature; is the shared access key right?";
  }
  return Number(expiry) * 1000 > now ? undefined : "ExpiredToken: The token is expired.";
}

function splitField(field: string): [string, string] {
  const at = field.indexOf("=");
  return [field.slice(0, at), field.slice(at + 1)];
}
