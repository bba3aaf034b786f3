// DuckDB as the reader of Parquet: every codec and encoding, row groups pruned by row number, values as flat
// vectors.

import type { DuckDBConnection, DuckDBDataChunk, DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import { DuckDBInstance as Instances } from '@duckdb/node-api';
import { dataInvalid } from './faults.ts';

export interface ParquetQueries {
  /** All rows of a small result. */
  rows(file: string, sql: string): Promise<DuckDBValue[][]>;
  /** Chunks of at most 2,048 rows, in file order. */
  chunks(file: string, sql: string): AsyncGenerator<DuckDBDataChunk>;
  close(): void;
}

/** One thread keeps the row order and the memory of a stream small; nothing is ever fetched or installed. */
const SETTINGS = {
  threads: '1',
  memory_limit: '512MB',
  enable_external_file_cache: 'false',
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
};

/**
 * Queries in a private in-memory DuckDB, made at first use.
 * @throws PipelineError `data-invalid` naming the file where DuckDB cannot read it.
 */
export function parquetQueries(): ParquetQueries {
  let instance: Promise<DuckDBInstance> | null = null;
  async function* chunks(file: string, sql: string): AsyncGenerator<DuckDBDataChunk> {
    instance ??= Instances.create(':memory:', SETTINGS);
    const connection: DuckDBConnection = await (await instance).connect();
    try {
      const result = await connection.stream(sql);
      let next = result.fetchChunk();
      for (;;) {
        const chunk = await next;
        if (chunk === null || chunk.rowCount === 0) return;
        // The next chunk decodes on DuckDB's thread while the caller works on this one; a failure is thrown
        // at its turn.
        next = result.fetchChunk();
        next.catch(() => {});
        yield chunk;
      }
    } catch (error) {
      throw unreadable(file, error);
    } finally {
      connection.closeSync();
    }
  }
  return {
    chunks,
    async rows(file, sql) {
      const found: DuckDBValue[][] = [];
      for await (const chunk of chunks(file, sql)) found.push(...chunk.getRows());
      return found;
    },
    close() {
      void instance?.then((opened) => opened.closeSync());
      instance = null;
    },
  };
}

/** The table function for one file; characters that DuckDB would take for a glob are quoted. */
export function parquetSource(path: string): string {
  const literal = path.replace(/[[*?]/g, '[$&]').replaceAll("'", "''");
  return `read_parquet('${literal}', file_row_number = true)`;
}

/** A name as SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function unreadable(file: string, error: unknown): unknown {
  const text = error instanceof Error ? error.message : String(error);
  if (!/^(Invalid Input|IO|Conversion|Serialization|Binder|Invalid|ZLIB|TProtocol|don't know)/.test(text))
    return error;
  return dataInvalid(file, 'the Parquet file cannot be read', {
    value: text.split('\n')[0]?.slice(0, 200),
    cause: error,
  });
}
