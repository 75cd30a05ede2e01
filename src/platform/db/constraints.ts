import type { Problem } from '../problem.ts';

/** The problem that a violated constraint means to the caller. */
export type Meaning = () => Problem;

const meanings = new Map<string, Meaning>();

/**
 * Registers what violations of a feature's constraints mean, by the constraints' names in the migrations. Features call it as their modules load. A violation
 * of any other unique constraint is a bug, and answered as an internal error.
 */
export function registerConstraints(constraints: Readonly<Record<string, Meaning>>): void {
  for (const [name, meaning] of Object.entries(constraints)) {
    if (meanings.has(name)) throw new Error(`the constraint ${name} has two meanings`);
    meanings.set(name, meaning);
  }
}

/** The problem of a violated constraint; null if none is registered. */
export const meaningOf = (constraint: string): Problem | null => meanings.get(constraint)?.() ?? null;

/** Names of all registered constraints. */
export const registeredConstraints = (): string[] => [...meanings.keys()];
