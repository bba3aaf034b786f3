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

/** What `process.memoryUsage()` says, in bytes. */
export interface MemoryParts {
  readonly heapUsed: number;
  readonly heapTotal: number;
  /** Of C++ objects that JavaScript holds, `arrayBuffers` among them. */
  readonly external: number;
  readonly arrayBuffers: number;
}

/**
 * Opens the inspector of a process of this machine on its first call (SIGUSR1), and collects twice: what finalisers let go of goes the
 * second time.
 * @returns what the process's main thread holds then.
 * @throws Error where the process does not answer.
 */
export async function collectGarbage(pid: number): Promise<MemoryParts> {
  const socket = new WebSocket(await inspectorOf(pid));
  await new Promise<void>((resolve) => {
    socket.onopen = resolve;
  });
  let sent = 0;
  const ask = (method: string, params: object = {}) => {
    const id = ++sent;
    const answer = new Promise<unknown>((resolve) => {
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data) as { id?: number; result?: unknown };
        if (message.id === id) resolve(message.result);
      };
    });
    socket.send(JSON.stringify({ id, method, params }));
    return answer;
  };
  await ask('HeapProfiler.collectGarbage');
  await ask('HeapProfiler.collectGarbage');
  const expression = 'JSON.stringify(process.memoryUsage())';
  const { result } = (await ask('Runtime.evaluate', { expression })) as { result: { value: string } };
  socket.close();
  await sleep(SETTLE_MS);
  return JSON.parse(result.value) as MemoryParts;
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
