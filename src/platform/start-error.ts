/** A process cannot start. The message is for the person who started it: one line, or more where it names several things. */
export class StartError extends Error {}
