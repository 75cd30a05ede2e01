import { v7, validate } from 'uuid';

/** Ids are UUIDv7: they sort by the moment they were made, which is what "newest first" pages by. */
export const newId = (): string => v7();

export const isId = (text: string): boolean => validate(text);
