/** The ports: what the world must give Cohort. Types only, no policy. */
export type { Answer } from "./answer.ts";
export { isPending } from "./answer.ts";
export type {
  BlockWrite,
  OpenStreamOptions,
  OpenVolumeOptions,
  RegisterOptions,
  Storage,
  StorageTraits,
  StreamFile,
  VolumeFile,
} from "./storage.ts";
export type {
  Fence,
  Gate,
  OwnerIdentity,
  OwnerReport,
  OwnerState,
  SharingReport,
  StopHindrance,
  StopMeans,
  StopOptions,
  StopReport,
} from "./fence.ts";
export type { Clock, ClockTraits } from "./clock.ts";
export type { Entropy, EntropyTraits } from "./entropy.ts";
export type { Facts, Observer, ObserverTraits, Severity } from "./observer.ts";
export type {
  Interconnect,
  InterconnectPeer,
  InterconnectReceiver,
  InterconnectSelf,
  InterconnectTraits,
} from "./interconnect.ts";
export type { Courier, CourierHandler, CourierReply, CourierRequest } from "./courier.ts";
