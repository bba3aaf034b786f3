// A machine made of answers: commands on PATH, files, and what running a command gives.

import type { CommandResult, Probe } from '../../../infra/local/probe.ts';

export interface FakeMachine {
  readonly onPath?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  /** Answer by the command line's text; undefined falls through to a failure. */
  readonly answer?: (line: string) => Partial<CommandResult> | undefined;
}

export interface FakeProbe extends Probe {
  /** Command lines in the order they were run. */
  readonly ran: string[];
}

export function fakeProbe({ onPath = {}, files = [], answer = () => undefined }: FakeMachine): FakeProbe {
  const ran: string[] = [];
  return {
    ran,
    which: async (command) => onPath[command] ?? null,
    isFile: async (path) => files.includes(path) || Object.values(onPath).includes(path),
    run: async (command, args) => {
      const line = [command, ...args].join(' ');
      ran.push(line);
      const found = answer(line);
      const base = { exitCode: 0, stdout: '', stderr: '', timedOut: false };
      return found === undefined
        ? { ...base, exitCode: 1, stderr: `error: no ${command} here` }
        : { ...base, ...found };
    },
  };
}
