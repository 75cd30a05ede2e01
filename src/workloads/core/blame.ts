import type { Fault } from '../../platform/fault.ts';
import type { TemplateDocument } from '../../templates/core/document.ts';
import { at, segmentsOf } from '../../templates/core/json.ts';
import { parametersIn } from '../../templates/core/placeholders.ts';

/** The first parameter that is used at a place of the document, below it, or in a text above it. */
function parameterAt(value: unknown, path: string[]): string | undefined {
  if (typeof value === 'string') return parametersIn(value)[0];
  if (typeof value !== 'object' || value === null) return undefined;
  const [field, ...rest] = path;
  if (field !== undefined) return Object.hasOwn(value, field) ? parameterAt((value as Record<string, unknown>)[field], rest) : undefined;
  for (const inner of Object.values(value)) {
    const name = parameterAt(inner, []);
    if (name !== undefined) return name;
  }
  return undefined;
}

/**
 * Maps each fault of a rendered document to the value that caused it, because the caller sent values and no document. That is the parameter used at the
 * fault's place, or else `/values` as a whole, as two values may be wrong together. The detail names the place in the document.
 */
export function atValues(document: TemplateDocument, faults: Fault[]): Fault[] {
  return faults.map(({ pointer = '', detail }) => {
    const name = parameterAt(document, segmentsOf(pointer));
    return {
      pointer: name === undefined ? '/values' : at('/values', name),
      detail: `with these values, ${pointer || 'the document'} ${detail}`,
    };
  });
}
