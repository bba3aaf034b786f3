// The parts of kafkajs 2.2.4 under its producer and consumer: connections with TLS, SASL, metadata and time-outs. Its
// version is pinned; a test holds each of these against a real broker.

declare module 'kafkajs/src/cluster/index.js' {
  import type { ISocketFactory, KafkaConfig, Logger } from 'kafkajs';

  export interface SentRequest {
    readonly apiKey: number;
    readonly apiName: string;
    readonly apiVersion: number;
    readonly correlationId: number;
    readonly resolve: (answer: { readonly payload: Buffer }) => void;
    readonly reject: (error: Error) => void;
  }

  export interface Connection {
    readonly clientId: string;
    /** What has come of an answer; `bytesBuffered` in all. */
    chunks: Buffer[];
    readonly bytesBuffered: number;
    readonly socket: { write(bytes: Uint8Array): boolean };
    readonly requestQueue: {
      push(request: {
        readonly entry: SentRequest;
        readonly expectResponse: boolean;
        readonly requestTimeout: number | null;
        readonly sendRequest: () => void;
      }): void;
    };
    isAuthenticated(): boolean;
    authenticate(): Promise<void>;
    nextCorrelationId(): number;
  }

  export interface Broker {
    offsetCommit(request: {
      readonly groupId: string;
      readonly groupGenerationId: number;
      readonly memberId: string;
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
      }[];
    }): Promise<unknown>;
    offsetFetch(request: {
      readonly groupId: string;
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly { readonly partition: number }[];
      }[];
    }): Promise<{
      readonly responses: readonly {
        readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
      }[];
    }>;
    readonly connectionPool: {
      getConnectionByRequest(request: { readonly request: { readonly apiKey: number } }): Promise<Connection>;
    };
    disconnect(): Promise<void>;
  }

  export default class Cluster {
    constructor(
      options: KafkaConfig & {
        logger: Logger;
        socketFactory: ISocketFactory;
        allowAutoTopicCreation: boolean;
      },
    );
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    addTargetTopic(topic: string): Promise<void>;
    refreshMetadata(): Promise<void>;
    findGroupCoordinator(options: { readonly groupId: string }): Promise<Broker>;
    findBroker(options: { readonly nodeId: string }): Promise<Broker>;
    findLeaderForPartitions(
      topic: string,
      partitions: readonly number[],
    ): Readonly<Record<string, readonly number[]>>;
  }
}

declare module 'kafkajs/src/loggers/index.js' {
  import type { Logger, logCreator } from 'kafkajs';
  export function createLogger(options: { readonly level: number; readonly logCreator: logCreator }): Logger;
}

declare module 'kafkajs/src/protocol/error.js' {
  export function failure(code: number): boolean;
  export function createErrorFromCode(code: number): Error;
}
