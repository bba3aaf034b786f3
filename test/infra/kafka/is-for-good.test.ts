import { KafkaJSNonRetriableError } from 'kafkajs';
import { expect, it } from 'vitest';
import { isForGood } from '../../../infra/kafka/topic-connection.ts';
import { PipelineError } from '../../../schemas/errors.ts';

it('a coordinator that is not back yet is asked again, what Kafka refuses is not', () => {
  const away = Object.assign(new KafkaJSNonRetriableError('Failed to find group coordinator'), {
    name: 'KafkaJSGroupCoordinatorNotFound',
  });
  expect(isForGood(away)).toBe(false);
  expect(isForGood(new KafkaJSNonRetriableError('not authorised'))).toBe(true);
  expect(isForGood(new PipelineError({ kind: 'log-truncated', what: 'cut' }))).toBe(true);
  expect(isForGood(new Error('socket closed'))).toBe(false);
});
