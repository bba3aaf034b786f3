// node infra/side-by-side.mjs SCRIPT...: runs scripts of package.json at once, because each keeps one core busy, and tells each one's
// output when it has ended. Fails where one of them did.

import { execFile } from 'node:child_process';

function run(script) {
  return new Promise((resolve) => {
    const limits = { maxBuffer: 2 ** 26, shell: process.platform === 'win32' };
    execFile('npm', ['run', '--silent', script], limits, (error, stdout, stderr) => {
      process.stdout.write(stdout);
      process.stderr.write(stderr);
      if (error !== null) process.stderr.write(`${script} failed\n`);
      resolve(error === null);
    });
  });
}

const passed = await Promise.all(process.argv.slice(2).map(run));
process.exitCode = passed.every(Boolean) ? 0 : 1;
