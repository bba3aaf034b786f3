// A broker that looks every half a second, not every five minutes, for what its topics' retention lets it delete.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { readEnv } from '../../infra/env.ts';
import { prepareKafka, provisionKafka } from '../../infra/local/kafka.ts';
import { claimPorts } from '../../infra/local/ports.ts';
import { machineProbe } from '../../infra/local/probe.ts';
import { untilBrokerReady } from './secure-kafka.ts';

const HASTE = { 'log.retention.check.interval.ms': 500, 'log.initial.task.delay.ms': 500 };

export interface ExpiringKafka {
  /** For `KAFKA_BROKERS`. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts the broker. @param home - receives its data, settings and log. */
export async function startExpiringKafka(home: string, variables: NodeJS.ProcessEnv): Promise<ExpiringKafka> {
  const env = readEnv(variables);
  const probe = machineProbe(env.variables.reveal());
  const { value: engine } = await provisionKafka({ env, probe, onNote: () => undefined });
  if (engine.kind !== 'java') throw new Error('this test needs Java');
  await using claimed = await claimPorts([[], []]);
  const { ports } = claimed;
  const { command, args, cwd, log } = await prepareKafka(engine, { home, ports, probe });
  for (const [key, value] of Object.entries(HASTE))
    appendFileSync(join(home, 'kafka/server.properties'), `${key}=${value}\n`);
  const file = openSync(log, 'w');
  const broker: ChildProcess = spawn(command, args, { cwd, stdio: ['ignore', file, file] });
  const address = `127.0.0.1:${ports[0]}`;
  await untilBrokerReady(broker, { brokers: [address] });
  return {
    address,
    async stop() {
      broker.kill('SIGKILL');
      await once(broker, 'close');
    },
  };
}
