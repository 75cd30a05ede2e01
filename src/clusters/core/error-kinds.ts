/** The kinds of error of a cluster's API that are distinguished, each with one sentence of advice. */
export const errorAdvice = {
  UNREACHABLE: "Check that the cluster's API server is running and that its address is reachable from the workers of this region.",
  UNKNOWN_CA: "Put the certificate authority that signed the API server's certificate into the cluster's credentials.",
  UNAUTHENTICATED: "Put a valid token or client certificate into the cluster's credentials.",
  /** A credential for one namespace cannot distinguish a missing namespace from one without access. */
  FORBIDDEN:
    "Apply the cluster's access manifest in this namespace to grant the permissions; create the namespace first if it does not exist.",
  NOT_FOUND: 'Check that the object was not deleted by someone else.',
  CONFLICT: 'No action needed: the object changed in the meantime and is observed again.',
  FIELD_CONFLICT: 'Remove these fields from what the other manager applies.',
  EXISTS: 'Delete or rename the object with this name, or use another name for the workload or in the template.',
  INVALID: 'Correct the template: the cluster does not accept this object.',
  QUOTA_EXCEEDED: "Raise the namespace's quota, or request less.",
  ADMISSION_DENIED: "Change the template so that the cluster's policy admits it, or change the policy.",
  NAMESPACE_MISSING: 'Create the namespace, or choose another in the placement.',
  EXPIRED: 'No action needed: the objects are listed again.',
  THROTTLED: 'No action needed: the cluster asked to wait, and the request is retried.',
  SERVER: "Check the API server's health; the request is retried.",
} as const;

export type KubernetesErrorKind = keyof typeof errorAdvice;
