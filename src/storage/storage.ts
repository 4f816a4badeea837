import type { Readable } from 'node:stream';
import type { FileContent } from '../define/files.ts';
import type { StorageSettings } from './storage-settings.ts';

/** Whose files: those of one job, or of one upload. */
export interface FileOwner {
  tenant: string;
  /** A UUID; tests of handlers choose others. */
  id: string;
}

export interface FileAddress extends FileOwner {
  name: string;
}

export interface FileFacts {
  bytes: number;
  contentType: string;
  /** With its quotes; changes with the content. */
  etag: string;
  lastModified: Date;
}

export interface OpenedFile extends FileFacts {
  stream: Readable;
}

/** Bytes from 0; the last one belongs to it. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface PutOptions {
  /** Default: what the ending of the name stands for. */
  contentType?: string | undefined;
  signal: AbortSignal;
  /** The fence of the run that writes; what runs with a smaller one have left half written is removed. Default 0. */
  run?: number;
  /** Called when all bytes are there, before the file appears; it does not appear where this throws. */
  onWhole?: (bytes: number) => Promise<void>;
}

export interface ListedOwner extends FileOwner {
  /** When one of its files has last changed; undefined when they are gone meanwhile. */
  findLastChange(): Promise<Date | undefined>;
}

/** Where files lie. A file appears when it is whole, and replaces one of the same address. */
export interface FileStorage {
  /** Plain data: a thread or child process opens the same storage with it. */
  readonly settings: StorageSettings;
  /**
   * @returns the size in bytes
   * @throws what the content and `onWhole` throw, or the signal's reason; nothing appears then
   */
  put(address: FileAddress, content: FileContent, options: PutOptions): Promise<number>;
  /** @returns undefined when there is no such file */
  open(address: FileAddress, options?: { range?: ByteRange; signal?: AbortSignal }): Promise<OpenedFile | undefined>;
  stat(address: FileAddress): Promise<FileFacts | undefined>;
  /** @returns an absolute path; undefined when there is no such file, or files do not lie on this machine */
  findPath(address: FileAddress): Promise<string | undefined>;
  /** Removes a file; one that is not there is no fault. */
  remove(address: FileAddress): Promise<void>;
  /** Removes all files of an owner. */
  removeAll(owner: FileOwner): Promise<void>;
  /** Everybody who has files here; an owner may come more than once. */
  list(): AsyncIterable<ListedOwner>;
  /** Says that an installation keeps files here. @returns where the marks of others lie */
  mark(installation: string): Promise<string[]>;
  /** Closes connections; what is under way fails. */
  close(): void;
}
