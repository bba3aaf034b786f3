// Connections of Temporal's client.

import { Connection } from '@temporalio/client';
import type { TemporalConnection } from './local/temporal-profile.ts';

const OWN_MACHINE = /^(127(\.\d+){3}|localhost|\[::1\])(:\d+)?$/;

/**
 * Connects; a server on this machine past any proxy of the environment (`HTTPS_PROXY`, `HTTP_PROXY`), which gRPC would use for it too.
 * @param timeoutMs - longest wait for an answer.
 */
export function connectTemporal(options: TemporalConnection, timeoutMs: number): Promise<Connection> {
  const direct = OWN_MACHINE.test(options.address) ? { channelArgs: { 'grpc.enable_http_proxy': 0 } } : {};
  return Connection.connect({ ...options, ...direct, connectTimeout: timeoutMs });
}
