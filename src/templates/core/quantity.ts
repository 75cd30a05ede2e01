const QUANTITY = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:(?:Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE])|[eE][+-]?\d{1,2})?$/;

/** True for a Kubernetes quantity, with or without white space around it, such as `500m`, `1.5`, `64Mi` or `1e3` (the grammar is in the description of `io.k8s.apimachinery.pkg.api.resource.Quantity`). */
export const isQuantity = (text: string): boolean => QUANTITY.test(text.trim());
