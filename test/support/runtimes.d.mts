export const ROOT: string;
export function runtimePath(name: string): string;
export function scriptCommand(runtime: string, script: string, args?: readonly string[]): string[];
