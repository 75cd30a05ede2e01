/** The validation of the selector of a Deployment or a ReplicaSet. */
import type { LabelSelector, StringMap } from '../objects.ts';
import { forbiddenValue, invalidValue, requiredValue } from '../status.ts';
import type { FieldError } from '../status.ts';
import { labelSelectorMatch } from '../store/selector.ts';
import { labelKeyFault, labelsErrors, labelValueFault } from './names.ts';

const because = (field: string, value: string, why: string | undefined): FieldError[] =>
  why === undefined ? [] : [invalidValue(field, value, why)];

function requirementErrors(
  { key, operator, values = [] }: NonNullable<LabelSelector['matchExpressions']>[number],
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) errors.push(requiredValue(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0)
      errors.push(forbiddenValue(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  } else errors.push(invalidValue(`${field}.operator`, operator, 'not a valid selector operator'));
  errors.push(...because(`${field}.key`, key, labelKeyFault(key)));
  values.forEach((value, index) => errors.push(...because(`${field}.values[${index}]`, value, labelValueFault(value))));
  return errors;
}

/** All faults of a selector, including labels of the template that do not match. */
export function selectorErrors(selector: LabelSelector | undefined, labels: StringMap | undefined, kind: string): FieldError[] {
  const mismatch = invalidValue('spec.template.metadata.labels', labels ?? {}, '`selector` does not match template `labels`');
  const matches = (): boolean => labelSelectorMatch(selector)(labels);
  if (selector === undefined) return [requiredValue('spec.selector'), ...(matches() ? [] : [mismatch])];
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const errors = [
    ...labelsErrors(matchLabels, 'spec.selector.matchLabels'),
    ...matchExpressions.flatMap((one, index) => requirementErrors(one, `spec.selector.matchExpressions[${index}]`)),
  ];
  if (errors.length > 0) return [...errors, invalidValue('spec.selector', selector, 'invalid label selector')];
  if (Object.keys(matchLabels).length + matchExpressions.length === 0)
    errors.push(invalidValue('spec.selector', selector, `empty selector is invalid for ${kind.toLowerCase()}`));
  return matches() ? errors : [...errors, mismatch];
}
