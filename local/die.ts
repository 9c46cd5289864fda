/** Prints why a command can't continue, and exits. */
export function die(reason: string): never {
  console.error(reason);
  process.exit(1);
}
