import { v7, validate } from 'uuid';

/** Ids are UUIDv7: they sort by the moment they were made, which is what "newest first" pages by. */
export const newId = (): string => v7();

export const isId = (text: string): boolean => validate(text);

/** A reference as rows have it: an id may be written in either case. */
export const canonical = (reference: string): string => (isId(reference) ? reference.toLowerCase() : reference);
