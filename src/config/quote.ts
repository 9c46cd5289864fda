/** The text in quotes, on one line, 200 characters at most, invisible ones (controls, bidi overrides) escaped. */
export function quote(text: string): string {
  return JSON.stringify(text.slice(0, 200)).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
