import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { QueryColumn, QueryRow } from '../../define/queries.ts';
import { chooseParquetColumn, type ParquetColumn } from './parquet-column.ts';

/** A row group is what the writer holds in memory. */
const GROUP_ROWS = 20_000;
const GROUP_BYTES = 8 * 1024 ** 2;

/** Writes row group by row group; the list of them is all that grows with the file. */
export async function writeParquet(
  path: string,
  columns: readonly QueryColumn[],
  batches: AsyncIterable<readonly QueryRow[]>,
): Promise<void> {
  const file = await open(path, 'wx');
  try {
    const parquet = columns.map(chooseParquetColumn);
    const writer = new ParquetWriter({
      writer: createFileWriter(file),
      schema: [{ name: 'root', num_children: columns.length }, ...parquet.map(({ element }) => element)],
      createdBy: 'longshore',
    });
    for await (const rows of groupRows(batches)) {
      const columnData = parquet.map(({ element, convert }, index) => ({
        name: element.name,
        data: rows.map((row) => (row[index] == null ? null : convert(row[index]))),
      }));
      await setImmediate();
      await writer.write({ columnData, rowGroupSize: rows.length });
    }
    // The library writes an empty list of row groups so that other readers refuse it.
    if (writer.row_groups.length === 0) writer.row_groups.push(createEmptyGroup(parquet.map(({ element }) => element)));
    await writer.finish();
  } finally {
    await file.close();
  }
}

/** Whole batches, until one limit is reached. */
export async function* groupRows(batches: AsyncIterable<readonly QueryRow[]>): AsyncGenerator<QueryRow[]> {
  let group: QueryRow[] = [];
  let bytes = 0;
  for await (const rows of batches) {
    for (const row of rows) for (const text of row) bytes += text?.length ?? 0;
    group.push(...rows);
    if (group.length < GROUP_ROWS && bytes < GROUP_BYTES) continue;
    yield group;
    group = [];
    bytes = 0;
  }
  if (group.length > 0) yield group;
}

function createEmptyGroup(elements: readonly ParquetColumn['element'][]): ParquetWriter['row_groups'][number] {
  const columns = elements.map(({ name, type = 'BYTE_ARRAY' }) => ({
    file_offset: 0n,
    meta_data: {
      type,
      encodings: ['PLAIN' as const],
      path_in_schema: [name],
      codec: 'UNCOMPRESSED' as const,
      num_values: 0n,
      total_uncompressed_size: 0n,
      total_compressed_size: 0n,
      data_page_offset: 4n, // behind the first four bytes, which say what the file is
    },
  }));
  return { columns, total_byte_size: 0n, num_rows: 0n };
}

/** The library's own writer for files blocks the event loop while it writes. */
function createFileWriter(file: FileHandle): ByteWriter {
  const writer = new ByteWriter();
  const flush = async () => {
    await file.appendFile(writer.getBytes());
    writer.index = 0;
  };
  return Object.assign(writer, { flush, finish: flush as () => void });
}
