/** Rules for paths in a container's file system. */

/** A mount path as the kernel sees it, without redundant slashes. */
export const normalPath = (path: string): string => `/${path.split('/').filter((part) => part !== '' && part !== '.').join('/')}`; // prettier-ignore

/** True for a path at which we can mount: absolute, not the root in any spelling, and without ":", which runtimes may read as a separator. */
export const isMountPoint = (path: string): boolean =>
  path.startsWith('/') && normalPath(path) !== '/' && !path.includes(':') && !path.split('/').includes('..') && !/\p{Cc}/u.test(path);
