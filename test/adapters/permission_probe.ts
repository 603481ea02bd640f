/**
 * What a private database does with its storage; run by storage_file_permission_test.ts under few
 * permissions.
 */
import process from "node:process";
import { createFileStorage, fileSystemType } from "../../adapters/storage_file.ts";
import { CohortError } from "../../src/ground/errors.ts";

const [directory, type] = process.argv[2]!.split(" ") as [string, string?];
try {
  if (type !== undefined) await fileSystemType(directory);
  const storage = createFileStorage();
  await storage.createRegister(`${directory}/v`, new Uint8Array(81_920));
  await storage.readRegister(`${directory}/v`);
  const volume = await storage.openVolume(`${directory}/v`, { blockSize: 8192, access: "write" });
  await volume.grow(40);
  await volume.write([{ block: 1, bytes: new Uint8Array(8192) }, { block: 30, bytes: new Uint8Array(8192) }]);
  await volume.sync();
  await volume.read(0, new Uint8Array(8192));
  const stream = await storage.openStream(`${directory}/j/s`, { access: "write", create: true });
  await stream.reserve(100_000);
  await stream.write(0, new Uint8Array(200));
  await stream.write(200, new Uint8Array(80_000));
  await stream.sync(true);
  await stream.sync(false);
  await storage.list(`${directory}/j`);
  await storage.resolve(`${directory}/j/none`);
  await stream.close();
  await storage.remove(`${directory}/j/s`);
  await storage.close();
  console.log("done");
} catch (error) {
  console.log(error instanceof CohortError ? `${error.code}: ${error.message}` : error);
}
