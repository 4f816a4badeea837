import type { S3 } from './s3-client.ts';
import type { ListedOwner } from './storage.ts';

const MARK = '.used-by-';

interface ListedObject {
  key: string;
  lastModified: Date;
}

/** Those who have objects below a prefix. The order of keys brings the objects of each together. */
export async function* listS3Owners(s3: S3, prefix: string): AsyncGenerator<ListedOwner> {
  let current: (ListedOwner & { changed: Date }) | undefined;
  for await (const { key, lastModified } of listObjects(s3, prefix)) {
    const [tenant, id, name, ...more] = key.slice(prefix.length).split('/');
    if (!tenant || !id || !name || more.length > 0) continue;
    if (current?.tenant === tenant && current.id === id) {
      if (current.changed < lastModified) current.changed = lastModified;
      continue;
    }
    if (current) yield current;
    const owner = { tenant, id, changed: lastModified, findLastChange: async () => owner.changed };
    current = owner;
  }
  if (current) yield current;
}

/** Removes every object below a prefix, which must end with "/". */
export async function removePrefix(s3: S3, prefix: string): Promise<void> {
  for await (const keys of listPages(s3, prefix)) {
    const Objects = keys.map(({ key }) => ({ Key: key }));
    const command = new s3.sdk.DeleteObjectsCommand({ Bucket: s3.bucket, Delete: { Objects, Quiet: true } });
    const { Errors = [] } = await s3.ask((client) => client.send(command));
    const [fault] = Errors;
    if (fault) throw new Error(`${Errors.length} objects could not be removed, e.g. ${fault.Key}: ${fault.Message}`);
  }
}

/** As {@link FileStorage.mark}. */
export async function findMarks(s3: S3, prefix: string, installation: string): Promise<string[]> {
  const own = `${prefix}${MARK}${installation}`;
  const keys: string[] = [];
  for await (const { key } of listObjects(s3, prefix + MARK)) keys.push(key);
  if (!keys.includes(own)) {
    await s3.ask((client) =>
      client.send(new s3.sdk.PutObjectCommand({ ...s3.at(own), Body: 'Longshore keeps files here.' })),
    );
  }
  return keys.filter((key) => key !== own).map((key) => `s3://${s3.bucket}/${key}`);
}

async function* listObjects(s3: S3, prefix: string): AsyncGenerator<ListedObject> {
  for await (const page of listPages(s3, prefix)) yield* page;
}

async function* listPages(s3: S3, Prefix: string): AsyncGenerator<ListedObject[]> {
  let ContinuationToken: string | undefined;
  do {
    const command = new s3.sdk.ListObjectsV2Command({ Bucket: s3.bucket, Prefix, ContinuationToken });
    const page = await s3.ask((client) => client.send(command));
    const found = page.Contents ?? [];
    const objects = found.map(({ Key = '', LastModified = new Date() }) => ({ key: Key, lastModified: LastModified }));
    if (objects.length > 0) yield objects;
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
}
