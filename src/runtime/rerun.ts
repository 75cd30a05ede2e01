/** Work that runs once at a time. All calls during a run cause one more run after it. */
export class Rerun {
  private asked = false;
  private running: Promise<void> | null = null;

  constructor(private readonly work: () => Promise<void>) {}

  /** Resolves when a run that began after the call has ended. */
  ask(): Promise<void> {
    this.asked = true;
    this.running ??= this.run();
    return this.running;
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    try {
      while (this.asked) {
        this.asked = false;
        await this.work();
      }
    } finally {
      // In the same tick as the last check of `asked`, so that any later call starts a new run.
      this.running = null;
    }
  }
}
