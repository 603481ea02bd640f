/**
 * Kinds of file system by their type number (`statfs`), and whether only one kernel writes to them. Pure.
 *
 * A process that is killed has written to the page cache of its kernel, and nowhere else: that is what makes
 * killing a fence, and what lets members see each other's writes at once. A network file system has a cache
 * in every client and writes on their way between them, and so has a directory that a virtual machine gets
 * from its host. What is behind FUSE cannot be told.
 */

/** A file system. */
export interface FileSystemKind {
  /** Its name, or its number when it is not known. */
  readonly name: string;
  /** Whether only this kernel writes to it, as far as its type tells. */
  readonly isLocal: boolean;
}

const LOCAL: readonly (readonly [number, string])[] = [
  [0xef53, "ext4"],
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [0x2fc12fc1, "zfs"],
  [0xf2f52010, "f2fs"],
  [0xca451a4e, "bcachefs"],
  [0x3153464a, "jfs"],
  [0x52654973, "reiserfs"],
  [0x3434, "nilfs2"],
  [0x24051905, "ubifs"],
  [0x72b6, "jffs2"],
  [0x7366746e, "ntfs3"],
  [0x482b, "hfsplus"],
  [0x01021994, "tmpfs"],
  [0x858458f6, "ramfs"],
  // Its upper layer is a directory of this kernel, and no other mount may write there.
  [0x794c7630, "overlayfs"],
];

const SHARED: readonly (readonly [number, string])[] = [
  [0x6969, "NFS"],
  [0x6e667364, "nfsd"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB"],
  [0x517b, "smbfs"],
  [0x564c, "NCP"],
  [0x65735546, "FUSE or virtiofs"],
  [0x01021997, "9p"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
  [0x47504653, "GPFS"],
  [0x19830326, "BeeGFS"],
  [0x20030528, "OrangeFS"],
  [0xaad7aaea, "PanFS"],
  [0x013111a8, "Ibrix"],
  [0xbeefdead, "StorNext"],
  [0x5346414f, "AFS"],
  [0x6b414653, "kAFS"],
  [0x73757245, "Coda"],
  // Disks shared by the kernels of several hosts.
  [0x01161970, "GFS2"],
  [0x7461636f, "OCFS2"],
  [0x61636673, "ACFS"],
  [0xa501fcf5, "VxFS"],
  // Directories of a host in its virtual machines.
  [0x786f4256, "vboxsf"],
  [0xbacbacbc, "vmhgfs"],
  [0x7c7c6673, "prl_fs"],
  [0x00c0ffee, "hostfs"],
];

const KINDS: ReadonlyMap<number, FileSystemKind> = new Map<number, FileSystemKind>([
  ...LOCAL.map(([type, name]): [number, FileSystemKind] => [type, { name, isLocal: true }]),
  ...SHARED.map(([type, name]): [number, FileSystemKind] => [type, { name, isLocal: false }]),
]);

/** The kind of this type number, as `statfs` gives it; one that is not known counts as shared. */
export function fileSystemKind(type: number): FileSystemKind {
  // Some give the 32 bits as a signed number.
  const bits = type >>> 0;
  return KINDS.get(bits) ?? { name: `type 0x${bits.toString(16)}`, isLocal: false };
}
