import { v7, validate } from 'uuid';

/** Ids are UUIDv7: they sort by creation time, which lists page by. */
export const newId = (): string => v7();

export const isId = (text: string): boolean => validate(text);

/** A reference as stored in rows: ids are accepted in either case. */
export const canonical = (reference: string): string => (isId(reference) ? reference.toLowerCase() : reference);
