// A certificate authority for one test, with a server's and a client's certificate signed by it.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificates {
  readonly ca: string;
  readonly server: {
    readonly cert: string;
    readonly key: string /** Key and certificate in one file. */;
    readonly both: string;
  };
  readonly client: { readonly cert: string; readonly key: string };
}

/** Makes them in a folder; gives the files' paths. The server is called localhost and 127.0.0.1. */
export function makeCertificates(folder: string): Certificates {
  mkdirSync(folder, { recursive: true });
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const newKey = ['-newkey', 'rsa:2048', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=test-authority',
    '-days',
    '2',
  );
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const signed = (name: string) => {
    openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names', '-days', '2'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-out', `${name}.pem`);
    return { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  };
  const server = signed('server');
  const both = join(folder, 'server-both.pem');
  writeFileSync(both, Buffer.concat([readFileSync(server.key), readFileSync(server.cert)]));
  return { ca: join(folder, 'ca.pem'), server: { ...server, both }, client: signed('client') };
}
