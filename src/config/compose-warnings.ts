/**
 * What Docker Compose has ignored of the shell's variables, a sentence each. docker/*.env set BACKEND=unknown, and
 * docker/shell.env has BACKEND and COMPOSE_PROFILES as bare names, which stand for the shell's (or .env's) value.
 */
export function composeWarnings({ BACKEND, COMPOSE_PROFILES }: NodeJS.ProcessEnv): string[] {
  if (BACKEND === 'unknown')
    // it looks up a bare name in the earlier env_files first
    return ['Compose before 2.35 ignores the variables of your shell: edit otel.env, or update'];
  const profiles = COMPOSE_PROFILES?.split(',').map((name) => name.trim());
  if (BACKEND && profiles && !profiles.includes(BACKEND) && !profiles.includes('*'))
    return [`COMPOSE_PROFILES="${COMPOSE_PROFILES}" starts no trace backend: it must include ${BACKEND}`];
  return [];
}
