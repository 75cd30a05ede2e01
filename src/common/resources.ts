import { Injectable } from '@nestjs/common';

/** How the interceptors, which know no feature, read what one of them made. */
type Read = (id: string) => Promise<unknown>;

/** By name, how each kind of resource is read as it is now, on behalf of whoever asks. Features add theirs when they start. */
@Injectable()
export class Resources {
  private readonly readers = new Map<string, Read>();

  add(resource: string, read: Read): void {
    if (this.readers.has(resource)) throw new Error(`${resource} is read in two ways`);
    this.readers.set(resource, read);
  }

  has(resource: string): boolean {
    return this.readers.has(resource);
  }

  read(resource: string, id: string): Promise<unknown> {
    const read = this.readers.get(resource);
    if (!read) throw new Error(`nobody reads ${resource}`);
    return read(id);
  }
}
