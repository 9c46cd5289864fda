/** An error with status 400 that names a query parameter, its value and the valid ones. */
export function invalidParameter(name: string, value: unknown, allowed: string): Error {
  const message = `${name}=${JSON.stringify(value)} is not valid: it must be ${allowed}, given once`;
  return Object.assign(new Error(message), { status: 400 });
}
