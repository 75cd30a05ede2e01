/** Rules for paths in a container's file system and in a volume. */

/** A mount path as the kernel sees it, without redundant slashes. */
export const normalPath = (path: string): string => `/${path.split('/').filter((part) => part !== '' && part !== '.').join('/')}`; // prettier-ignore

/** True for a path with a part "..". */
export const hasStepsBack = (path: string): boolean => path.split('/').includes('..');

/** True for a path at which we can mount: absolute, not the root in any spelling, and without ":", which runtimes may read as a separator. */
export const isMountPoint = (path: string): boolean =>
  path.startsWith('/') && normalPath(path) !== '/' && !path.includes(':') && !hasStepsBack(path) && !/\p{Cc}/u.test(path);

/** True for a path that stays within its volume: relative and without "..". */
export const isWithinVolume = (path: string): boolean => !path.startsWith('/') && !hasStepsBack(path);
