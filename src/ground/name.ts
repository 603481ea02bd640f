/**
 * Names of globals: "%" or a letter, then letters and digits, at most `NAME_CHARS_MAX` characters of ASCII.
 *
 * Caché allows dots inside a name and GT.M does not: they are refused, so that every name is one in both.
 * Both cut a longer name to 31 characters, by which two names become one: here it is an error. Case counts.
 */
import { NAME_CHARS_MAX } from "./limits.ts";

const NAME = /^[%A-Za-z][A-Za-z0-9]*$/;
const SHOWN_CHARS = 60;

/** Whether `name` is well formed, whatever its length. */
export function isNameForm(name: string): boolean {
  return NAME.test(name);
}

/**
 * Throws unless `name` names a global: TypeError for no string, RangeError for a wrong character or length.
 */
export function checkName(name: string): void {
  if (typeof name !== "string") throw new TypeError(`Use a global name of type ${typeof name}`);
  const shown = JSON.stringify(name.length > SHOWN_CHARS ? name.slice(0, SHOWN_CHARS) + "..." : name);
  if (name.length > NAME_CHARS_MAX) {
    throw new RangeError(
      `Use the global name ${shown}: ${name.length} characters, at most ${NAME_CHARS_MAX}`,
    );
  }
  if (!isNameForm(name)) {
    throw new RangeError(`Use the global name ${shown}: not "%" or a letter, then letters and digits`);
  }
}
