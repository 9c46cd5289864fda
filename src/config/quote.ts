/** Invisible characters (controls, bidi overrides) are escaped: a terminal would obey them. */
export function escapeInvisible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** The text in quotes, on one line, 200 characters at most, invisible ones escaped. */
export const quote = (text: string): string => escapeInvisible(JSON.stringify(text.slice(0, 200)));
