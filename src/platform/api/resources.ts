import { Injectable } from '@nestjs/common';

/** Reads a resource for the interceptors, which do not know the features. */
type Read = (id: string) => Promise<unknown>;

/** Readers of resources by kind. Each reads the current state on behalf of the caller. Features add theirs at start. */
@Injectable()
export class Resources {
  private readonly readers = new Map<string, Read>();

  add(resource: string, read: Read): void {
    if (this.readers.has(resource)) throw new Error(`${resource} has two readers`);
    this.readers.set(resource, read);
  }

  has(resource: string): boolean {
    return this.readers.has(resource);
  }

  read(resource: string, id: string): Promise<unknown> {
    const read = this.readers.get(resource);
    if (!read) throw new Error(`${resource} has no reader`);
    return read(id);
  }
}
