const firstCapacity = 4 * 1024;

/** Collects chunks by copying: a chunk may be one byte and yet keep the 64 KiB that were read from the socket with it. */
export class Bytes {
  private buffer = Buffer.alloc(0);
  private used = 0;

  get length(): number {
    return this.used;
  }

  add(chunk: Buffer): void {
    const needed = this.used + chunk.length;
    if (needed > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.buffer.length, firstCapacity));
      this.buffer.copy(larger, 0, 0, this.used);
      this.buffer = larger;
    }
    chunk.copy(this.buffer, this.used);
    this.used = needed;
  }

  /** What has been collected, as a view that is valid until the next `add`. */
  view(): Buffer {
    return this.buffer.subarray(0, this.used);
  }

  /** Forgets everything, and frees the memory of a text that was long. */
  clear(): void {
    this.used = 0;
    if (this.buffer.length > 16 * firstCapacity) this.buffer = Buffer.alloc(0);
  }
}
