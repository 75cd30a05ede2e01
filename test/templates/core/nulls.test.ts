import { describe, expect, it } from 'vitest';
import { withoutNulls } from '../../../src/templates/core/nulls.ts';
import { validateDocument } from '../../../src/templates/core/validate.ts';

const containers = [{ name: 'web', image: 'web:1' }];

describe('null is what an API server reads', () => {
  it.each([
    ['a field', { pod: { metadata: { creationTimestamp: null }, spec: { containers, nodeName: null } } }, { pod: { metadata: {}, spec: { containers } } }],
    ['a section', { pod: {}, strategy: null, service: null }, { pod: {} }],
    ['a label', { pod: { metadata: { labels: { a: null }, annotations: { b: null } } } }, { pod: { metadata: { labels: { a: '' }, annotations: { b: '' } } } }],
    ['a node selector', { pod: { spec: { nodeSelector: { gpu: null } } } }, { pod: { spec: { nodeSelector: { gpu: '' } } } }],
    ['a quantity', { pod: { spec: { containers: [{ resources: { limits: { cpu: null } } }] } } }, { pod: { spec: { containers: [{ resources: { limits: { cpu: '0' } } }] } } }],
    ['an argument', { pod: { spec: { containers: [{ args: ['a', null] }] } } }, { pod: { spec: { containers: [{ args: ['a', ''] }] } } }],
    ['a file', { config: [{ name: 'app', files: { a: null } }] }, { config: [{ name: 'app', files: { a: '' } }] }],
    ['a label of the selector', { selector: { app: null } }, { selector: { app: '' } }],
    ['the annotations', { pod: { metadata: { annotations: null } } }, { pod: { metadata: {} } }],
  ])('%s', (_, document, read) => {
    expect(withoutNulls(document)).toEqual(read);
  }); // prettier-ignore

  it.each([
    ['in a list of containers', { spec: { containers: [null] } }, '/pod/spec/containers/0/name'],
    ['an unknown field', { spec: { containers, nonsense: null } }, '/pod/spec/nonsense'],
  ])('%s it is refused', (_, pod, pointer) => {
    expect(validateDocument({ pod }, 'BASELINE')).toEqual({ faults: [{ pointer, detail: expect.any(String) }] });
  });
});
