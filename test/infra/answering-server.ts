// A real HTTP/2 server on this machine in the place of Temporal's, and a connection of the real client to it.

import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Connection, type ConnectionOptions } from '@temporalio/client';

export interface Answered {
  readonly connection: Connection;
  close(): Promise<void>;
}

/** @param answer - to every request. */
export async function answeredBy(
  answer: (stream: ServerHttp2Stream) => void,
  options: Pick<ConnectionOptions, 'interceptors'> = {},
): Promise<Answered> {
  const server: Http2Server = createServer();
  server.on('stream', answer);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const connection = Connection.lazy({
    ...options,
    address: `127.0.0.1:${port}`,
    channelArgs: { 'grpc.enable_http_proxy': 0 },
  });
  const close = async () => {
    await connection.close();
    server.close();
  };
  return { connection, close };
}
