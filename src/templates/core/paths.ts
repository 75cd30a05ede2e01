/** Rules for paths of a container's file system, and of a volume. */

/** A mount path as the kernel sees it: one without the slashes that mean nothing. */
export const normalPath = (path: string): string => `/${path.split('/').filter((part) => part !== '' && part !== '.').join('/')}`; // prettier-ignore

/** True for a path with a part "..". */
export const hasStepsBack = (path: string): boolean => path.split('/').includes('..');

/** True for a place that we mount something at: absolute, not the root however it is spelled, and a path that no runtime reads as two. */
export const isMountPoint = (path: string): boolean =>
  path.startsWith('/') && normalPath(path) !== '/' && !path.includes(':') && !hasStepsBack(path) && !/\p{Cc}/u.test(path);

/** True for a path that stays within the volume that it is a part of: relative, and without "..". */
export const isWithinVolume = (path: string): boolean => !path.startsWith('/') && !hasStepsBack(path);
