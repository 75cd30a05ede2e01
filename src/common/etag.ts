import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { invalid, Problem } from './problem.ts';

/** Versions of which the resource must have one; null = any will do. */
export type ExpectedVersions = readonly number[] | null;

const TAG = /^(W\/)?"([^"]*)"$/;

/** Reads `If-Match`. A weak tag, or one that is not a version, matches nothing, as RFC 9110 has it. */
export function expectedVersions(header: string | undefined): ExpectedVersions {
  if (header === undefined || header.trim() === '*') return null;
  return header.split(',').flatMap((item) => {
    const tag = TAG.exec(item.trim());
    if (!tag) throw invalid({ parameter: 'If-Match', detail: 'must be an entity tag in quotes, such as "3", or *' });
    return tag[1] === undefined && /^\d{1,9}$/.test(tag[2] ?? '') ? [Number(tag[2])] : [];
  });
}

/** `If-Match` of a route that changes or deletes. */
export const IfMatch = createParamDecorator((_: unknown, execution: ExecutionContext) =>
  expectedVersions(execution.switchToHttp().getRequest<FastifyRequest>().headers['if-match']),
);

/** The same of a mutation's argument `ifVersion`. */
export const ifVersion = (version: number | null | undefined): ExpectedVersions =>
  version === null || version === undefined ? null : [version];

/** Throws STALE unless the version is one of those expected. */
export function checkVersion(version: number, expected: ExpectedVersions): void {
  if (expected && !expected.includes(version)) throw new Problem('STALE', `It has been changed meanwhile: its version is ${version}.`);
}
