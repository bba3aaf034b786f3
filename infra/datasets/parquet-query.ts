// DuckDB as the reader of Parquet: every codec and encoding, row groups pruned by row number, values as flat
// vectors.

import type { DuckDBConnection, DuckDBDataChunk, DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import { DuckDBInstance as Instances } from '@duckdb/node-api';
import { dataInvalid } from './faults.ts';

export interface ParquetQueries {
  /** All rows of a small result. */
  rows(file: string, sql: string): Promise<DuckDBValue[][]>;
  /** The same by column name. */
  records(file: string, sql: string): Promise<Readonly<Record<string, DuckDBValue>>[]>;
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
 * @param settings - DuckDB's own, over those of a stream of rows.
 * @throws PipelineError `data-invalid` naming the file where DuckDB cannot read it.
 */
export function parquetQueries(settings: Readonly<Record<string, string>> = {}): ParquetQueries {
  let instance: Promise<DuckDBInstance> | null = null;
  async function connected(): Promise<DuckDBConnection> {
    instance ??= Instances.create(':memory:', { ...SETTINGS, ...settings });
    return (await instance).connect();
  }
  async function* chunks(file: string, sql: string): AsyncGenerator<DuckDBDataChunk> {
    const connection = await connected();
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
      throw parquetFault(file, error);
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
    async records(file, sql) {
      const connection = await connected();
      try {
        return (await connection.runAndReadAll(sql)).getRowObjects();
      } catch (error) {
        throw parquetFault(file, error);
      } finally {
        connection.closeSync();
      }
    },
    close() {
      void instance?.then((opened) => opened.closeSync());
      instance = null;
    },
  };
}

/**
 * The table function for one file; characters that DuckDB would take for a glob are quoted, and folders named `key=value`
 * give no columns: what a file holds does not depend on where it lies.
 */
export function parquetSource(path: string): string {
  const literal = path.replace(/[[*?]/g, '[$&]').replaceAll("'", "''");
  return `read_parquet('${literal}', file_row_number = true, hive_partitioning = false)`;
}

/** A name as SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** An error of DuckDB as `data-invalid` where the file is to blame. */
export function parquetFault(file: string, error: unknown): unknown {
  const text = error instanceof Error ? error.message : String(error);
  if (text.startsWith('Out of Memory'))
    return dataInvalid(file, `a page of the Parquet file needs more memory than its reader has`, {
      value: text.split('\n')[0]?.slice(0, 200),
      remedy: 'The file is damaged, or has very large pages: write it again with smaller row groups',
      cause: error,
    });
  if (!/^(Invalid Input|IO|Conversion|Serialization|Binder|Invalid|ZLIB|TProtocol|don't know)/.test(text))
    return error;
  return dataInvalid(file, 'the Parquet file cannot be read', {
    value: text.split('\n')[0]?.slice(0, 200),
    cause: error,
  });
}
