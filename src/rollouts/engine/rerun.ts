/** Work that runs once at a time: whoever asks while it runs is served by one more run after it. */
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
      // In the same step as the last look at `asked`: whoever asks from here on starts a run of its own.
      this.running = null;
    }
  }
}
