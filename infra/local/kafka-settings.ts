// Settings of the local broker: one node that is broker and controller, loopback only, nothing expires.

import { join } from 'node:path';

/** 64 MiB, the largest message; far above a batch of wide codes. */
const MESSAGE_BYTES = 64 * 1024 * 1024;

/**
 * Arguments for the Java virtual machine. The quick compiler and the serial collector took 2.7 instead of 4.5
 * s of CPU to start and 174 instead of 259 MB, and carried no fewer MB/s, on 4 shared cores.
 */
export const JVM_FLAGS = ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'] as const;

/** Log lines at WARN and above, dated, on stderr. */
export const JVM_LOGGING = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS',
] as const;

/** Text of `server.properties`. `ports` are the broker's and the controller's. */
export function kafkaProperties({
  home,
  ports,
}: {
  readonly home: string;
  readonly ports: readonly number[];
}): string {
  const [port = 0, controllerPort = 0] = ports;
  const lines = Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': escaped(kafkaDataFolder(home)),
    ...TOPIC_SETTINGS,
    ...SIZE_SETTINGS,
    ...RESTART_SETTINGS,
  }).map(([key, value]) => `${key}=${value}`);
  return `${lines.join('\n')}\n`;
}

/** Where the broker keeps its logs; formatted once, with the cluster id inside. */
export function kafkaDataFolder(home: string): string {
  return join(home, 'kafka', 'data');
}

const TOPIC_SETTINGS = {
  'auto.create.topics.enable': false,
  'log.retention.ms': -1,
  'log.retention.bytes': -1,
  // A finished run's topic gives its disk back at once.
  'log.segment.delete.delay.ms': 1000,
  // A new topic is written at once: 40 ms instead of 70 until it takes messages.
  'controller.quorum.append.linger.ms': 0,
  'offsets.topic.replication.factor': 1,
  'offsets.topic.num.partitions': 4,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'transaction.state.log.num.partitions': 4,
  'share.coordinator.state.topic.replication.factor': 1,
  'share.coordinator.state.topic.min.isr': 1,
  'group.initial.rebalance.delay.ms': 0,
} as const;

const SIZE_SETTINGS = {
  'message.max.bytes': MESSAGE_BYTES,
  'replica.fetch.max.bytes': MESSAGE_BYTES,
  'fetch.max.bytes': MESSAGE_BYTES,
  'socket.request.max.bytes': MESSAGE_BYTES * 2,
  // Requests in memory are bounded, so a burst of big messages waits instead of filling the heap.
  'queued.max.request.bytes': MESSAGE_BYTES * 2,
  'log.cleaner.dedupe.buffer.size': 4 * 1024 * 1024,
  'num.network.threads': 2,
  'num.io.threads': 4,
} as const;

/** After a kill the controller waits out the old broker's session: 3 s instead of 9 s. */
const RESTART_SETTINGS = {
  'broker.session.timeout.ms': 3000,
  'broker.heartbeat.interval.ms': 500,
  'controller.quorum.election.timeout.ms': 300,
  'controller.quorum.election.backoff.max.ms': 100,
} as const;

/** A properties file reads a backslash as an escape. */
function escaped(path: string): string {
  return path.replaceAll('\\', '\\\\');
}
