// Connections of Temporal's client.

import { InterceptingCall, type Interceptor, Metadata, status } from '@grpc/grpc-js';
import { Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import type { TemporalConnection } from './local/temporal-profile.ts';

const OWN_MACHINE = /^(127(\.\d+){3}|localhost|\[::1\])(:\d+)?$/;
const CHANNEL_CLOSED = 'Channel has been shut down';

/**
 * Connects; a server on this machine past any proxy of the environment (`HTTPS_PROXY`, `HTTP_PROXY`), which gRPC would use for it too.
 * @param timeoutMs - longest wait for an answer.
 */
export function connectTemporal(options: TemporalConnection, timeoutMs: number): Promise<Connection> {
  const direct = OWN_MACHINE.test(options.address) ? { channelArgs: { 'grpc.enable_http_proxy': 0 } } : {};
  return Connection.connect({ ...options, ...direct, interceptors: retrying(), connectTimeout: timeoutMs });
}

/** The client's own retries, of which none outlives its connection. */
export function retrying(): Interceptor[] {
  return [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), cancelledOnceClosed];
}

/**
 * Cancels a request whose next try falls due after its connection was closed. gRPC throws there, and as tries are started by a timer,
 * that would end the process.
 */
const cancelledOnceClosed: Interceptor = (options, nextCall) => {
  try {
    return new InterceptingCall(nextCall(options));
  } catch (error) {
    if (!(error instanceof Error) || error.message !== CHANNEL_CLOSED) throw error;
    const cancelled = { code: status.CANCELLED, details: CHANNEL_CLOSED, metadata: new Metadata() };
    return new InterceptingCall({
      start(_metadata, listener) {
        listener?.onReceiveMessage?.(null);
        listener?.onReceiveStatus?.(cancelled);
      },
      cancelWithStatus: () => undefined,
      getPeer: () => '',
      sendMessageWithContext: () => undefined,
      sendMessage: () => undefined,
      startRead: () => undefined,
      halfClose: () => undefined,
      getAuthContext: () => null,
    });
  }
};
