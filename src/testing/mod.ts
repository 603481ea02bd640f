/**
 * What authors of adapters, and of programs with adapters of their own, test with: the acceptance suite of
 * each port, and storages that fail by plan.
 */
export { expect, expectCode, expectEqual, expectError, pattern, type TestFunction } from "./expect.ts";
export {
  drawnDelays,
  drawnFaults,
  type Fault,
  type FaultCall,
  faultList,
  type FaultOperation,
  type FaultPlan,
  type FaultRates,
  type PlannedFault,
  type StorageFaultKind,
} from "./fault_plan.ts";
export {
  type FaultStorage,
  type FaultStorageOptions,
  type StruckFault,
  withFaults,
} from "./fault_storage.ts";
export {
  clockSuite,
  type ClockSuiteOptions,
  entropySuite,
  type EntropySuiteOptions,
  observerSuite,
  type ObserverSuiteOptions,
} from "./port_suites.ts";
export { storageSuite, type StorageSuiteOptions, type StorageUnderTest } from "./storage_suite.ts";
export {
  interconnectSuite,
  type InterconnectSuiteOptions,
  type InterconnectsUnderTest,
} from "./interconnect_suite.ts";
