// A watcher of a few hundred kilobytes that ends the services when every command using them was killed
// outright.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { endGroup, type Launch, startDetached } from './processes.ts';
import { guardFile, lockFile, type ServicesState, writeState } from './state.ts';

/**
 * Seconds without any user after which services are ended: long enough for the same command to be run again.
 */
const GRACE_SECONDS = 8;
const TERM_SECONDS = 15;

// $1 guard file, $2 lock file, $3 token, $4 grace in seconds. A lock holder counts as a user: it may be about
// to become one.
const SCRIPT = `
of() { sed -n "s/^$2 //p" "$1" 2>/dev/null; }
alive() { kill -0 "$1" 2>/dev/null && ! grep -q '^State:.[ZX]' "/proc/$1/status" 2>/dev/null; }
missed=0
while :; do
  sleep 1
  [ "$(of "$1" guard)" = "$3" ] || exit 0
  missed=$((missed + 1))
  for pid in $(of "$1" user) $(head -n 1 "$2" 2>/dev/null); do alive "$pid" && missed=0; done
  [ "$missed" -lt "$4" ] || break
done
pids=$(of "$1" service)
for pid in $pids; do kill -TERM "-$pid" 2>/dev/null; done
waited=0
while [ "$waited" -lt ${TERM_SECONDS} ]; do
  left=0
  for pid in $pids; do alive "$pid" && left=1; done
  [ "$left" = 0 ] && exit 0
  sleep 1
  waited=$((waited + 1))
done
for pid in $pids; do kill -KILL "-$pid" 2>/dev/null; done
`;

/**
 * Brings the watcher in line with the state and stores both: one where services end with their users, none
 * where they are kept or stopped. Call under the lock.
 */
export async function storeWithGuard(
  home: string,
  state: ServicesState,
  { graceSeconds = GRACE_SECONDS }: { readonly graceSeconds?: number } = {},
): Promise<ServicesState> {
  const { temporal, kafka } = state;
  const anyService = temporal?.process != null || kafka?.process != null;
  const wanted = anyService && !state.keep;
  if (!wanted) {
    const { guard } = state;
    const stored = { ...state, guard: null };
    await writeState(home, stored);
    if (guard !== null) await endGroup(guard.process, { graceMs: 2_000 });
    return stored;
  }
  // Always a new one: telling that an old one lives and has not begun to end things is not worth the care.
  const token = randomBytes(8).toString('hex');
  const started = await startDetached(guardLaunch(home, [token, String(graceSeconds)]), {});
  const stored = { ...state, guard: { token, process: started } };
  await writeState(home, stored);
  return stored;
}

function guardLaunch(home: string, settings: readonly string[]): Launch {
  const args = ['-c', SCRIPT, 'tessera-guard', guardFile(home), lockFile(home), ...settings];
  return { command: '/bin/sh', args, cwd: home, log: join(home, 'guard.log'), variables: {} };
}
