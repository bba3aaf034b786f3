// On which addresses a process waits for connections. Linux only.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTEN = '0A';

/** Addresses as /proc/net has them: hexadecimal, 32-bit words in the machine's order. */
export function listeningAddresses(pid: number): string[] {
  const own = socketsOf(pid);
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
        return state === LISTEN && own.has(inode) ? [local.split(':')[0]!] : [];
      }),
  );
}

/** 127.0.0.0/8, the same written as an IPv6 address, and ::1. */
export function isLoopback(address: string): boolean {
  return /^(0{16}F{4}0{4})?[0-9A-F]{6}7F$/.test(address) || /^0{24}01000000$/.test(address);
}

function socketsOf(pid: number): ReadonlySet<string> {
  const folder = `/proc/${pid}/fd`;
  const links = readdirSync(folder).map((name) => {
    try {
      return readlinkSync(`${folder}/${name}`);
    } catch {
      // Closed since it was listed.
      return '';
    }
  });
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}
