import type { Fault } from '../../common/fault.ts';
import type { TemplateDocument } from '../../templates/core/document.ts';
import { at, segmentsOf } from '../../templates/core/json.ts';
import { parametersIn } from '../../templates/core/placeholders.ts';

/** The first parameter that is put in at a place of the document, under it, or into the text that stands above it. */
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
 * Says of each fault of a rendered document which value brought it about, as whoever rendered it sent values and no document: the parameter that is put in at the fault's place, or else `/values` as a
 * whole (two values may be wrong together). The place in the document is named in the detail.
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
