import { assert, assertEquals } from "@std/assert";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "#test";
import { createProcessFence } from "../../adapters/fence_process.ts";
import { fileSystemKind } from "../../adapters/common/file_system_kind.ts";

test("fileSystemKind tells the disks of this kernel from what others write to", () => {
  const rows: [type: number, name: string, isLocal: boolean][] = [
    [0xef53, "ext4", true],
    [0x58465342, "xfs", true],
    [0x9123683e, "btrfs", true],
    [0x01021994, "tmpfs", true],
    [0x794c7630, "overlayfs", true],
    [0x6969, "NFS", false],
    [0xff534d42, "CIFS", false],
    [0xfe534d42, "SMB", false],
    [0x01021997, "9p", false],
    [0x65735546, "FUSE or virtiofs", false],
    [0x00c36400, "Ceph", false],
    [0x0bd00bd0, "Lustre", false],
    [0x7461636f, "OCFS2", false],
    // The same 32 bits as a signed number.
    [0xff534d42 | 0, "CIFS", false],
    [0x9123683e | 0, "btrfs", true],
    // What is not known is not taken for local.
    [0x9fa0, "type 0x9fa0", false],
    [0, "type 0x0", false],
  ];
  for (const [type, name, isLocal] of rows) assertEquals(fileSystemKind(type), { name, isLocal });
});

test("fileSystemKind knows every type by the number in the kernel's own list", () => {
  const list = "/usr/include/linux/magic.h";
  if (!existsSync(list)) return;
  const names: Readonly<Record<string, string>> = {
    AFS_SUPER_MAGIC: "AFS",
    AFS_FS_MAGIC: "kAFS",
    BTRFS_SUPER_MAGIC: "btrfs",
    CEPH_SUPER_MAGIC: "Ceph",
    CIFS_SUPER_MAGIC: "CIFS",
    CODA_SUPER_MAGIC: "Coda",
    EXT4_SUPER_MAGIC: "ext4",
    F2FS_SUPER_MAGIC: "f2fs",
    FUSE_SUPER_MAGIC: "FUSE or virtiofs",
    HOSTFS_SUPER_MAGIC: "hostfs",
    JFFS2_SUPER_MAGIC: "jffs2",
    NCP_SUPER_MAGIC: "NCP",
    NFS_SUPER_MAGIC: "NFS",
    NILFS_SUPER_MAGIC: "nilfs2",
    OCFS2_SUPER_MAGIC: "OCFS2",
    OVERLAYFS_SUPER_MAGIC: "overlayfs",
    RAMFS_MAGIC: "ramfs",
    REISERFS_SUPER_MAGIC: "reiserfs",
    SMB2_SUPER_MAGIC: "SMB",
    SMB_SUPER_MAGIC: "smbfs",
    TMPFS_MAGIC: "tmpfs",
    V9FS_MAGIC: "9p",
    XFS_SUPER_MAGIC: "xfs",
  };
  const found: string[] = [];
  for (
    const [, name, number] of readFileSync(list, "utf8").matchAll(/^#define\s+(\w+)\s+(0x[\da-fA-F]+)/gm)
  ) {
    const expected = names[name!];
    if (expected === undefined) continue;
    assertEquals(fileSystemKind(parseInt(number!, 16)).name, expected, name);
    found.push(name!);
  }
  assert(found.length > 15, found.join());
});

test("sharing looks at the file system that holds a directory, or will", async () => {
  const fence = createProcessFence();
  const here = await fence.sharing(tmpdir());
  assertEquals((await fence.sharing(`${tmpdir()}/cohort-none/of/them`)).reason, here.reason);
  assertEquals(here.allowed, true, here.reason);
  if (!existsSync("/proc/self")) return;
  // No network file system is at hand, but one that is not known to be local.
  const proc = await fence.sharing("/proc/self");
  assertEquals([proc.allowed, proc.reason.includes("type 0x9fa0")], [false, true], proc.reason);
  const told = await createProcessFence({ localFileSystems: [0x9fa0] }).sharing("/proc/self");
  assertEquals([told.allowed, told.reason.includes("localFileSystems")], [true, true], told.reason);
});
