// Wraps comment lines beyond the last column: node .ci/wrap_comments.mjs FILE...
// The formatter leaves comments alone, the tidy test does not. Tables and code inside comments are left as
// they are.
import { readFileSync, writeFileSync } from "node:fs";

const COLUMNS_MAX = 110;
/** A comment line of running words: its mark, its words. */
const PLAIN = /^(\s*(?:\*|\/\/) +)([^\s@|`*/-].*)$/;

for (const path of process.argv.slice(2)) {
  const text = readFileSync(path, "utf8");
  const lines = text.split("\n");
  const out = [];
  for (let at = 0; at < lines.length; at++) {
    const parts = [...lines[at]].length > COLUMNS_MAX ? wrapLine(lines[at]) : [lines[at]];
    // What overflowed begins the next line of the same paragraph, if there is one.
    const over = PLAIN.exec(parts.at(-1)), next = PLAIN.exec(lines[at + 1] ?? "");
    if (parts.length > 1 && over && next && next[1] === over[1]) {
      parts.pop();
      lines[at + 1] = `${over[0]} ${next[2]}`;
    }
    out.push(...parts);
  }
  if (out.join("\n") !== text) writeFileSync(path, out.join("\n"));
}

/** The line as several, or unchanged when it is no comment. */
function wrapLine(line) {
  const block = /^(\s*)\/\*\* (.*) \*\/$/.exec(line);
  if (block) {
    return [`${block[1]}/**`, ...wrap(block[2], `${block[1]} * `, `${block[1]} * `), `${block[1]} */`];
  }
  const inner = /^(\s*(?:\*|\/\/) )(\s*)((?:- |\d+\. )?)(.*)$/.exec(line);
  if (inner && !/^\||\s{3}/.test(inner[4])) {
    const [, mark, indent, bullet, words] = inner;
    return wrap(words, mark + indent + bullet, mark + indent + " ".repeat(bullet.length));
  }
  const trailing = /^(\s*)(\S.*?\S)\s+(\/\/ .*)$/.exec(line);
  if (trailing && !/["'`]/.test(trailing[3])) {
    return [
      ...wrap(trailing[3].slice(3), `${trailing[1]}// `, `${trailing[1]}// `),
      trailing[1] + trailing[2],
    ];
  }
  return [line];
}

/** Breaks `words` into lines that begin with `first`, then `next`. */
function wrap(words, first, next) {
  const lines = [first.trimEnd()];
  for (const word of words.split(/ +/)) {
    const last = lines.at(-1);
    const fits = [...last].length + 1 + [...word].length <= COLUMNS_MAX;
    if (fits || last === first.trimEnd()) {
      lines[lines.length - 1] += (last.length < first.length ? first.slice(last.length) : " ") + word;
    } else lines.push(next + word);
  }
  return lines;
}
