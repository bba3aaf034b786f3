// Makes another Node process collect its garbage, through its inspector: V8 does so of its own accord so rarely, in a process with
// little to do, that resident memory says more about the last collection than about leaks.

import { setTimeout as sleep } from 'node:timers/promises';

const INSPECTOR = 'http://127.0.0.1:9229/json';
const PATIENCE_MS = 10_000;
/** Freed pages go back to the system a moment later. */
const SETTLE_MS = 1_500;

/** Node 20 has it behind `--experimental-websocket`. */
interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: string }) => void) | null;
  send(text: string): void;
  close(): void;
}
declare const WebSocket: new (url: string) => Socket;

/**
 * Opens the inspector of a process of this machine on its first call (SIGUSR1), and collects twice: what finalisers let go of goes the
 * second time.
 * @throws Error where the process does not answer.
 */
export async function collectGarbage(pid: number): Promise<void> {
  const socket = new WebSocket(await inspectorOf(pid));
  await new Promise<void>((resolve) => {
    socket.onopen = resolve;
  });
  for (let id = 1; id <= 2; id++) {
    const done = new Promise<void>((resolve) => {
      socket.onmessage = ({ data }) => {
        if ((JSON.parse(data) as { id?: number }).id === id) resolve();
      };
    });
    socket.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }));
    await done;
  }
  socket.close();
  await sleep(SETTLE_MS);
}

async function inspectorOf(pid: number): Promise<string> {
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(100)) {
    try {
      const targets = (await (await fetch(INSPECTOR)).json()) as { webSocketDebuggerUrl: string }[];
      return targets[0]!.webSocketDebuggerUrl;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      process.kill(pid, 'SIGUSR1');
    }
  }
}
