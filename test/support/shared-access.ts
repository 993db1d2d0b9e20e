import {
  AccountSASPermissions,
  generateAccountSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { splitConnectionString } from "../../lib/azure/settings.ts";

/** A signature for the blobs of the account of a connection string, good for so many milliseconds; `may` as in "rwdlac". */
export function signatureFor(connectionString: string, may: string, milliseconds: number): string {
  const { AccountName = "", AccountKey = "" } = splitConnectionString(connectionString) ?? {};
  const values = {
    services: "b",
    resourceTypes: "sco",
    permissions: AccountSASPermissions.parse(may),
    protocol: SASProtocol.HttpsAndHttp,
    expiresOn: new Date(Date.now() + milliseconds),
  };
  return generateAccountSASQueryParameters(values, new StorageSharedKeyCredential(AccountName, AccountKey)).toString();
}

/** A connection string that holds such a signature instead of the key. */
export function signedFor(connectionString: string, may: string, milliseconds: number): string {
  const { BlobEndpoint } = splitConnectionString(connectionString) ?? {};
  return `BlobEndpoint=${BlobEndpoint};SharedAccessSignature=${signatureFor(connectionString, may, milliseconds)}`;
}
