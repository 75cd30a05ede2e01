import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { invalid, Problem } from '../problem.ts';

/** Versions that the resource may have; null = any. */
export type ExpectedVersions = readonly number[] | null;

const TAG = /^(W\/)?"([^"]*)"$/;

/** Parses `If-Match`. A weak tag, or one that is not a version, matches nothing (RFC 9110). Throws INVALID for anything that is not a list of tags. */
export function expectedVersions(header: string | undefined): ExpectedVersions {
  if (header === undefined || header.trim() === '*') return null;
  return header.split(',').flatMap((item) => {
    const tag = TAG.exec(item.trim());
    if (!tag) throw invalid({ parameter: 'If-Match', detail: 'must be an entity tag in quotes, such as "3", or *' });
    return tag[1] === undefined && /^\d{1,9}$/.test(tag[2] ?? '') ? [Number(tag[2])] : [];
  });
}

/** `If-Match` of a route that changes or deletes a resource. */
export const IfMatch = createParamDecorator((_: unknown, execution: ExecutionContext) =>
  expectedVersions(execution.switchToHttp().getRequest<FastifyRequest>().headers['if-match']),
);

/** The expected versions from a mutation's argument `ifVersion`. */
export const ifVersion = (version: number | null | undefined): ExpectedVersions =>
  version === null || version === undefined ? null : [version];

/** Throws STALE unless the version is expected. */
export function checkVersion(version: number, expected: ExpectedVersions): void {
  if (expected && !expected.includes(version))
    throw new Problem('STALE', `The resource was changed in the meantime; its version is now ${version}.`);
}
