/** FAULT: the cluster refuses the document. CLUSTER: the cluster did not judge it, and why. NOTE: what the cluster was not asked. */
export const FINDING_KINDS = ['FAULT', 'CLUSTER', 'NOTE'] as const;

/** Something that the dry run of a revision has found. */
export interface CheckFinding {
  kind: (typeof FINDING_KINDS)[number];
  /** JSON Pointer into the document; empty if it is about none of its places. */
  pointer: string;
  detail: string;
}

/** Maximum number of findings that are kept of a check. */
export const MAX_FINDINGS = 50;

/** The state that findings are: a fault decides, and without one a cluster that did not judge. */
export const stateOf = (findings: readonly CheckFinding[]): 'PASSED' | 'FAILED' | 'UNKNOWN' => {
  const has = (kind: CheckFinding['kind']): boolean => findings.some((finding) => finding.kind === kind);
  return has('FAULT') ? 'FAILED' : has('CLUSTER') ? 'UNKNOWN' : 'PASSED';
};
