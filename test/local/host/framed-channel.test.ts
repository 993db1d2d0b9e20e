import assert from "node:assert/strict";
import { Duplex, PassThrough } from "node:stream";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FramedChannel } from "../../../lib/local/host/framed-channel.ts";

describe("framed channel", () => {
  it("gives back what was sent, however the bytes are cut", () => {
    const message = fc.record({ text: fc.string(), numbers: fc.array(fc.integer()) }, { noNullPrototype: true });
    const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(message, bodies), { maxLength: 6 }),
        fc.integer({ min: 1, max: 64 }),
        (sent, cut) => {
          const written: Buffer[] = [];
          const wire = new Duplex({
            read() {},
            write(chunk: Buffer, _encoding, done) {
              written.push(chunk);
              done();
            },
          });
          const sender = new FramedChannel<never, unknown>(wire, () => {});
          for (const [head, blobs] of sent) sender.send(head, blobs);
          const bytes = Buffer.concat(written);

          const got: [unknown, Buffer][] = [];
          const receiving = new PassThrough();
          new FramedChannel<unknown, never>(receiving, (head, blob) => got.push([head, blob]));
          for (let at = 0; at < bytes.length; at += cut) receiving.emit("data", bytes.subarray(at, at + cut));

          assert.deepEqual(
            got,
            sent.map(([head, blobs]) => [head, Buffer.concat(blobs)]),
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});
